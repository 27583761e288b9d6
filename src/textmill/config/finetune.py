"""params.yaml: finetune. Which task is learned, from which weights, and how."""

from typing import Literal

from pydantic import Field

from textmill.config.training import Training


class Finetune(Training):
    """One run: a task, a base model and the recipe."""

    task: str = Field(min_length=1, description="Task to learn, a key of tasks.")
    base: str = Field(min_length=1, description="Directory of the model to start from.")
    objective: Literal["classification", "generation"] = Field(
        description="classification: a label for a text; generation: a text for a text (seq2seq)."
    )
    control: Literal["random", "none"] = Field(
        default="none", description="random: train the same recipe from random weights too, to compare."
    )
    epochs: float = Field(gt=0, description="Passes over the training split.")
    max_input_tokens: int = Field(default=128, ge=4, description="Inputs are cut to this length.")
    max_target_tokens: int = Field(
        default=64, ge=2, description="generation: targets are cut to this length."
    )
    dropout: float | None = Field(
        default=None, ge=0, lt=1, description="Dropout while training; null keeps the base model's own."
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="Probability spread over all outcomes."
    )
    validations: int = Field(default=6, ge=1, description="Validations in a run, the last at its end.")
    best: Literal["loss", "accuracy"] = Field(
        default="loss", description="Validation figure whose best weights are kept."
    )
