"""Stage validate: what must hold of the data before anything is trained on it.

Reads data/corpus, data/signals and data/tasks; writes reports/validation.json, and the pages of Great
Expectations to .textmill/data_docs.
"""

from pipelines._stage import Stage, run
from textmill.config.validate import Validate
from textmill.corpus.validation.expectations import check_expectations, failure_message
from textmill.corpus.validation.frames import StatsFrames
from textmill.errors import UserError
from textmill.files import write_json

KEPT = ".textmill/validation.json"
DATA_DOCS = ".textmill/data_docs"


def main(stage: Stage) -> None:
    """Check the expectations of params.yaml; fail when one does not hold."""
    settings = stage.params(Validate)
    frames = StatsFrames("data/corpus", "data/signals", "data/tasks")
    report = check_expectations(settings, frames, DATA_DOCS)
    write_json("reports/validation.json", report)
    if not report["passed"]:
        # The outs of a failed stage are not kept; this copy is what the user can look at.
        write_json(KEPT, report)
        raise UserError(
            f"{failure_message(report)} The whole report is in {KEPT}, pages to look at in "
            f"{DATA_DOCS}/index.html. Correct the data, or the expectation in params.yaml under "
            "validate.expectations."
        )
    stage.say(f"{len(report['expectations'])} expectations hold")


if __name__ == "__main__":
    run(main, "validate")
