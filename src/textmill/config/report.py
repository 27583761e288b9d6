"""params.yaml: report. The page of a run and the model cards."""

from pydantic import Field

from textmill.config.section import Section


class Report(Section):
    """What the run report shows."""

    title: str = Field(default="textmill run report", min_length=1, description="Heading of the page.")
    samples: int = Field(default=4, ge=0, le=100, description="Samples of model output shown per task.")
    rules: int = Field(
        default=15, ge=1, description="Rules shown in the table of removal reasons; the rest is summed."
    )
    bias_rows: int = Field(default=20, ge=1, description="Rows shown in each table of the bias section.")
    curve_points: int = Field(
        default=200, ge=10, description="Points drawn per curve; longer ones are averaged."
    )
