"""params.yaml: select. What is kept, and how it is split."""

from pydantic import Field

from textmill.config.cuts import Cuts
from textmill.config.duplicates import Duplicates
from textmill.config.mix import Mix
from textmill.config.section import Section
from textmill.config.thresholds import C4, Bounds, FineWeb, Gopher, PiiCounts, Repetition


class Rules(Section):
    """Which groups of rules are in force."""

    exclude: bool = Field(default=True, description="Drop the documents of `exclude` and `exclude_file`.")
    empty: bool = Field(default=True, description="Drop documents without a character.")
    language: bool = Field(default=True, description="Drop documents in other languages than those allowed.")
    contamination: bool = Field(default=True, description="Drop documents that overlap with evaluation rows.")
    pii: bool = Field(default=True, description="Apply `pii`.")
    gopher: bool = Field(default=True, description="Apply `gopher`.")
    repetition: bool = Field(default=True, description="Apply `repetition`.")
    c4: bool = Field(default=True, description="Apply `c4`.")
    fineweb: bool = Field(default=True, description="Apply `fineweb`.")
    signals: bool = Field(default=True, description="Apply `signals`.")
    duplicates: bool = Field(default=True, description="Apply `duplicates`.")
    mix: bool = Field(default=True, description="Apply `mix`.")


class Thresholds(Section):
    """Thresholds of the quality rules, one family of signals each."""

    pii: PiiCounts = Field(
        default_factory=PiiCounts, description="Most items of personal data in a kept document."
    )
    gopher: Gopher = Field(default_factory=Gopher, description="Gopher's quality rules.")
    repetition: Repetition = Field(default_factory=Repetition, description="Gopher's repetition rules.")
    c4: C4 = Field(default_factory=C4, description="C4's rules.")
    fineweb: FineWeb = Field(default_factory=FineWeb, description="FineWeb's rules.")
    signals: dict[str, Bounds] = Field(
        default_factory=dict, description="Bounds of any other column of data/signals, by its name."
    )


class Override(Thresholds):
    """Thresholds that differ for a language or a source; what is not written here stays as it is."""

    any_language: bool = Field(default=False, description="Do not look at the language of these documents.")


def _in_characters() -> dict[str, Override]:
    """For languages whose words are counted in characters, of which a word has about 1.5."""
    thresholds = Override(
        gopher=Gopher(min_words=75, max_words=150_000, min_mean_word_length=None),
        fineweb=FineWeb(max_newlines_per_word=0.2),
    )
    return {"ja": thresholds, "zh": thresholds}


class Select(Thresholds):
    """What is kept. Rules are tried in a fixed order; the first that fails is the one in the ledger."""

    languages: tuple[str, ...] = Field(
        default=("en", "zh"), strict=False, description="Languages kept (ISO 639-1)."
    )
    exclude: tuple[str, ...] = Field(
        default=(), strict=False, description="Ids of documents to leave out, for instance on request."
    )
    exclude_file: str | None = Field(
        default=None,
        description="JSON lines with the `id` of a document or task row each (and `reason`, `date`), which "
        "`textmill forget` writes. They are left out too.",
    )
    max_contamination: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Largest share that a document may hold of the n-grams of an evaluation row's input or "
        "target. 0 drops every document that shares one.",
    )
    validation_fraction: float = Field(
        default=0.02, gt=0, lt=1, description="Share of documents held out as validation, about."
    )
    cuts: Cuts = Field(default_factory=Cuts, description="Which parts of kept documents are cut out.")
    duplicates: Duplicates = Field(
        default_factory=Duplicates, description="Which document of a cluster of duplicates is kept."
    )
    mix: Mix = Field(default_factory=Mix, description="Caps and weights of sources and languages.")
    rules: Rules = Field(default_factory=Rules, description="Which groups of rules are in force.")
    by_language: dict[str, Override] = Field(
        default_factory=_in_characters,
        description="Thresholds that differ for a language. By default Chinese and Japanese, whose words are "
        "characters: no shortest mean word, half as many words again, two thirds of the newlines per word. "
        "What is written here takes the place of that.",
    )
    by_source: dict[str, Override] = Field(
        default_factory=dict,
        description="Thresholds that differ for a source; they come before those of the language.",
    )
