"""params.yaml: finetune. Which task is learned, from which weights, and how."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from textmill.config.privacy import Privacy
from textmill.config.section import Section
from textmill.config.training import Training

OBJECTIVES: dict[str, tuple[str, ...]] = {
    "classification": ("accuracy", "macro_f1"),
    "generation": (),
    "dialogue": (),
    "preference": ("accuracy", "reward_margin"),
    "multilabel": ("macro_f1", "micro_f1"),
    "tagging": ("accuracy", "span_f1"),
    "extraction": ("overlap_f1",),
}
"""What can be learned, and the validation figures besides loss that `best` may name for it. Its code is the
entry of the same name in `textmill.training.finetuning.load.OBJECTIVES`."""


class Lora(Section):
    """Low-rank adapters (Hu et al. 2021)."""

    rank: int = Field(default=16, ge=1, le=1024, description="Columns of the thin matrices.")
    alpha: int = Field(default=32, ge=1, description="The product is added times alpha over rank.")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="Dropout of what goes into the adapters.")
    layers: tuple[str, ...] = Field(
        default=(), strict=False, description="Names of linear layers (`q_proj`); empty for all of them."
    )


class Finetune(Training):
    """One run: a task, a base model and the recipe."""

    task: str = Field(min_length=1, description="Task to learn, a key of tasks.")
    base: str = Field(min_length=1, description="Directory of the model to start from.")
    objective: str = Field(
        description="`classification`: a label for a text; `generation`: a text for a text, by an "
        "encoder-decoder, or by a decoder that learns from the answer's tokens only; `dialogue`: a decoder "
        "learns what the assistant says in conversations; `preference`: a decoder learns which of two "
        "answers is preferred (DPO); `multilabel`: any number of labels; `tagging`: a BIO tag for each word "
        "or Chinese character; `extraction`: where in a context the answer to a question stands."
    )
    tuning: Literal["full", "lora", "probe"] = Field(
        default="full",
        description="full trains all weights; lora adapters that are merged afterwards; probe a "
        "classifier's last layer. For the latter two, `optimizer: adamw` with a higher rate is usual.",
    )
    lora: Lora = Field(default_factory=Lora, description="The adapters of `tuning: lora`.")
    control: Literal["random", "unweighted", "none"] = Field(
        default="none",
        description="random: train the same recipe from random weights too, to compare; unweighted: train it "
        "without `row_weights` too.",
    )
    epochs: float = Field(gt=0, description="Passes over the training split.")
    max_input_tokens: int = Field(
        default=128,
        ge=4,
        description="Inputs are cut to this length; of tagging and extraction, into windows of it.",
    )
    max_target_tokens: int = Field(
        default=64,
        ge=2,
        description="generation: targets are cut to this length; extraction: the longest answer.",
    )
    dropout: float | None = Field(
        default=None, ge=0, lt=1, description="Dropout while training; null keeps the base model's own."
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="Probability spread over all outcomes."
    )
    validations: int = Field(default=6, ge=1, description="Validations in a run, the last at its end.")
    best: str = Field(
        default="loss",
        description="Validation figure whose best weights are kept: `loss`; of classification also "
        "`accuracy` and `macro_f1`, of multilabel `macro_f1` and `micro_f1`, of tagging `accuracy` and "
        "`span_f1`, of extraction `overlap_f1`.",
    )
    patience: int | None = Field(
        default=None,
        ge=1,
        description="Stop after so many validations without a better `best` figure; null trains to the end.",
    )
    beta: float = Field(
        default=0.1, gt=0, description="preference: how closely the model is held to the one it starts from."
    )
    class_weights: Literal["none", "balanced"] = Field(
        default="none",
        description="classification: balanced lets every label count as much as any other in the loss, "
        "however many rows it has.",
    )
    row_weights: bool = Field(
        default=False,
        description="classification: rows count in the loss as `mitigate.task_weights` weighed them, so that "
        "labels do not depend on who is named.",
    )

    privacy: Privacy | None = Field(
        default=None, description="Learn privately (DP-SGD); null learns from gradients as they are."
    )

    @field_validator("objective")
    @classmethod
    def _is_known(cls, objective: str) -> str:
        if objective not in OBJECTIVES:
            raise ValueError(f"expected one of {', '.join(OBJECTIVES)}")
        return objective

    @model_validator(mode="after")
    def _privacy_is_whole(self) -> Self:
        if self.privacy is None:
            return self
        if self.control != "none":
            raise ValueError("privacy: control: random learns from the rows again and spends as much again")
        if self.class_weights != "none":
            raise ValueError("privacy: class_weights are counted from the rows without noise")
        if self.row_weights:
            raise ValueError("privacy: row_weights are counted from the rows without noise")
        if self.objective in ("tagging", "extraction"):
            raise ValueError(
                f"privacy: {self.objective} learns several windows of a row, which is to be hidden"
            )
        if self.faults != "stop" or self.spike is not None:
            raise ValueError("privacy: faults and spike let losses without noise decide about steps")
        return self

    @model_validator(mode="after")
    def _figures_exist(self) -> Self:
        figures = ("loss", *OBJECTIVES[self.objective])
        if self.best not in figures:
            raise ValueError(f"best: expected one of {', '.join(figures)} for {self.objective}")
        if self.objective == "preference" and self.label_smoothing:
            raise ValueError("label_smoothing is not of preference")
        if self.class_weights != "none" and self.objective != "classification":
            raise ValueError("class_weights are of classification")
        if self.row_weights and self.objective != "classification":
            raise ValueError("row_weights are of classification")
        if self.control == "unweighted" and not self.row_weights:
            raise ValueError("control: unweighted compares with row_weights, which are off")
        return self
