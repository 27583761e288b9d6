"""params.yaml: mitigate. What is done about bias, off by default; each is measured before and after."""

from typing import Literal

from pydantic import Field

from textmill.config.section import Section

Language = Literal["en", "zh"]


class Reweight(Section):
    """Weights of documents, so that groups are named in equally many; `tokenize` repeats and thins by it."""

    axes: dict[str, list[str]] = Field(
        default={},
        description="Axis to the groups that are to be equal, for instance `gender: [female, male]`; an "
        "empty list is every group named in `min_documents`. No axis: no weights.",
    )
    max_weight: float = Field(
        default=4.0, gt=1, le=100, description="Largest weight; the smallest is one divided by it."
    )
    min_documents: int = Field(
        default=20, ge=1, description="Documents that must name a group before it is weighed."
    )


class Counterfactual(Section):
    """Copies of documents in which women are men and men are women."""

    languages: list[Language] = Field(
        default=[], description="Languages whose documents are copied; none: no copies."
    )
    share: float = Field(
        default=1.0, gt=0, le=1, description="Share of the documents that can be copied, by hash of the id."
    )
    sources: list[str] = Field(default=[], description="Copy documents of these sources only; none: of all.")
    pairs: dict[Language, list[tuple[str, str]]] = Field(
        default={},
        strict=False,
        description="Further pairs to swap, such as names: `en: [[John, Mary]]`. One that begins with a "
        "capital is found only as it is written.",
    )


class TaskWeights(Section):
    """Weights of training rows, so that labels do not depend on who is named (Kamiran and Calders 2012)."""

    tasks: list[str] = Field(default=[], description="Classification tasks to weigh; none: no weights.")
    axes: dict[str, list[str]] = Field(
        default={"gender": ["female", "male"]}, description="Axis to groups, as in `reweight`."
    )
    min_rows: int = Field(
        default=5, ge=1, description="Rows that a combination of groups needs to be told apart from others."
    )


class Mitigate(Section):
    """Mitigations of bias between select and tokenize. Documents are excluded by `select.signals`."""

    languages: list[Language] = Field(
        default=["en", "zh"], min_length=1, description="Languages measured and weighed."
    )
    reweight: Reweight = Field(default_factory=Reweight, description="Weights of documents.")
    counterfactual: Counterfactual = Field(default_factory=Counterfactual, description="Swapped copies.")
    task_weights: TaskWeights = Field(default_factory=TaskWeights, description="Weights of task rows.")
    word_vectors: bool = Field(
        default=False,
        description="Measure association on word vectors before and after too, by the params of "
        "`embeddings`; it costs two trainings.",
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="Confidence of every interval.")
    prior_words: float = Field(
        default=1000.0, gt=0, description="Weight of the corpus-wide prior in association, in words."
    )
    min_documents: int = Field(
        default=20, ge=2, description="Documents a group must be named in before its association is measured."
    )

    @property
    def changes_corpus(self) -> bool:
        """Whether documents get weights or copies."""
        return bool(self.reweight.axes or self.counterfactual.languages)
