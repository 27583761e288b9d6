"""params.yaml: dedup. When two documents count as the same."""

from pydantic import Field

from textmill.config.section import Section


class RepeatedLines(Section):
    """Lines or paragraphs that stand more than once in the corpus."""

    min_characters: int = Field(
        default=20, ge=1, description="Shorter ones, white space not counted, are left alone."
    )


class RepeatedSubstrings(Section):
    """Passages that stand more than once, wherever they begin."""

    min_tokens: int = Field(
        default=50,
        ge=5,
        description="Tokens of the shortest passage: words, or characters in scripts without spaces.",
    )


class Dedup(Section):
    """Exact and near-duplicates."""

    near: bool = Field(default=True, description="Look for near-duplicates; false finds exact ones only.")
    shingle: int = Field(
        default=5,
        ge=1,
        le=32,
        description="Tokens per shingle. A token is a word, or a character in scripts without spaces.",
    )
    threshold: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="Smallest exact Jaccard similarity of the shingle sets of two near-duplicates.",
    )
    bands: int = Field(
        default=21,
        ge=1,
        le=256,
        description="Bands of the locality-sensitive hash. More find more candidates and take longer.",
    )
    rows: int = Field(
        default=6,
        ge=1,
        le=32,
        description="Values per band. More leave fewer false candidates and miss more pairs.",
    )
    lines: RepeatedLines | None = Field(
        default=None,
        description="Look for repeated lines; `select.cuts.repeats` cuts them. null: do not look.",
    )
    paragraphs: RepeatedLines | None = Field(
        default=None, description="The same for paragraphs, which empty lines part."
    )
    substrings: RepeatedSubstrings | None = Field(
        default=None, description="The same for long passages (Lee et al. 2022)."
    )
    index: str | None = Field(
        default=".textmill/dedup",
        description="Folder that keeps what is known of each shard, so that only new shards are analysed. It "
        "takes about twice the size of the text and never changes the result; null keeps nothing.",
    )
    plant: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="Plant so many near-duplicates and as many near-misses in memory, and write how many are "
        "found to data/duplicates/quality.json. The clusters stay as they are.",
    )
