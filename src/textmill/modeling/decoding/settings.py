"""How an output is chosen, token by token."""

from __future__ import annotations

from dataclasses import dataclass

from textmill.errors import UserError


@dataclass(frozen=True)
class Decoding:
    """Greedy as it stands; `beams` for beam search; `temperature` above 0 for sampling.

    Args:
        max_new_tokens: an output is cut after so many tokens.
        beams: beam width; beams are ranked by mean log-probability per token.
        temperature: logits are divided by it; 0 samples nothing.
        top_k: sample among the k likeliest tokens, 0 among all.
        top_p: sample among the likeliest tokens that together have this probability (Holtzman et al. 2020).
        samples: outputs per input: draws, or the best beams.
        seed: of the draws. A row's draws depend on the seed and its place alone, not on its batch.

    Raises:
        UserError: a value is out of range, or two exclude each other.
    """

    max_new_tokens: int = 64
    beams: int = 1
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    samples: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("max_new_tokens", self.max_new_tokens, 1, 1 << 20),
            ("beams", self.beams, 1, 64),
            ("temperature", self.temperature, 0, 100),
            ("top_k", self.top_k, 0, 1 << 20),
            ("top_p", self.top_p, 0, 1),
            ("samples", self.samples, 1, 10_000),
            ("seed", self.seed, 0, (1 << 64) - 1),
        ):
            if not low <= value <= high:
                raise UserError(f"{name}: expected {low} to {high}, found {value}.")
        if self.top_p == 0:
            raise UserError("top_p: expected more than 0, found 0; 0 leaves no token to draw.")
        if self.beams > 1 and self.temperature > 0:
            raise UserError("beams and temperature: expected one of them, found both: a beam is not sampled.")
        if self.temperature == 0 and (self.top_k or self.top_p < 1):
            raise UserError(
                "top_k and top_p: expected a temperature above 0 with them, found 0, which draws nothing."
            )
        if self.temperature == 0 and self.samples > self.beams:
            raise UserError(
                f"samples: expected at most {self.beams}, as many as there are beams, found {self.samples}; "
                "a temperature above 0 draws as many as are asked for."
            )

    @property
    def is_sampled(self) -> bool:
        """Whether tokens are drawn."""
        return self.temperature > 0
