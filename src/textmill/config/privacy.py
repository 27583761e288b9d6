"""params.yaml: finetune.X.privacy. Fine-tuning that no single row can be told from (DP-SGD)."""

from typing import Literal, Self

from pydantic import Field, model_validator

from textmill.config.section import Section


class Privacy(Section):
    """Clipped gradients of single rows, and noise (Abadi et al. 2016); extra `privacy`."""

    epsilon: float | None = Field(
        default=None, gt=0, description="Budget of the whole run; decides the noise."
    )
    noise_multiplier: float | None = Field(
        default=None, gt=0, description="Standard deviation of the noise, relative to `max_gradient_norm`."
    )
    delta: float = Field(
        gt=0, lt=1, description="Probability with which epsilon may not hold; less than 1 / training rows."
    )
    max_gradient_norm: float = Field(
        default=1.0, gt=0, description="Norm to which the gradient of each row is scaled down."
    )
    accountant: Literal["prv", "rdp"] = Field(
        default="prv",
        description="How Opacus adds up what is spent: prv (Gopi et al. 2021) is tight, rdp (Mironov 2017) "
        "an upper bound of old.",
    )

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.epsilon is None) == (self.noise_multiplier is None):
            raise ValueError("expected either epsilon or noise_multiplier")
        return self
