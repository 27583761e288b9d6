"""params.yaml: bias. How groups of people appear in the corpus."""

from typing import Literal

from pydantic import Field

from textmill.config.section import Section


class Bias(Section):
    """Representation, association and kept-rate parity of identity groups."""

    languages: list[Literal["en", "zh"]] = Field(
        default=["en", "zh"], min_length=1, description="Languages measured; each has its own lexicon."
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="Confidence of every interval.")
    false_discovery_rate: float = Field(
        default=0.05, gt=0, lt=1, description="Adjusted p below which a finding is beyond chance."
    )
    min_documents: int = Field(
        default=20, ge=2, description="Documents a group must be named in before it is compared with others."
    )
    prior_words: float = Field(
        default=1000.0, gt=0, description="Weight of the corpus-wide prior in association, in words."
    )
    warn_kept_difference: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="Difference of kept rates (0 to 1) from which a finding is a warning.",
    )
    warn_label_difference: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="Difference of a label's share, between task rows that name a group and the others, from "
        "which a finding is a warning.",
    )
    warn_log_odds: float = Field(
        default=0.7, gt=0, description="Log-odds (natural logarithm) from which an association is a warning."
    )
