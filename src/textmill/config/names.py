"""params.yaml: clean.names. Names of persons and places, found by a model of the user's."""

from typing import Literal

from pydantic import Field

from textmill.config.section import Section


class EntityModel(Section):
    """A model of named entities for one language."""

    engine: Literal["spacy", "transformers"] = Field(
        default="spacy", description="What runs it: spaCy, or Hugging Face transformers."
    )
    model: str = Field(
        description="spaCy: an installed package or a directory; transformers: a directory with a token "
        "classification model. Nothing is downloaded."
    )


class Names(Section):
    """Masking of names and places through presidio (extra `pii`)."""

    models: dict[str, EntityModel] = Field(
        min_length=1, description="Models by language (ISO 639-1); other languages are left alone."
    )
    name: Literal["mask", "count", "ignore"] = Field(
        default="mask", description="Names of persons; masked as `<NAME>`."
    )
    address: Literal["mask", "count", "ignore"] = Field(
        default="mask", description="Places and addresses; masked as `<ADDRESS>`."
    )
    entities: dict[str, Literal["name", "address"]] = Field(
        default={"PERSON": "name", "LOCATION": "address"},
        description="Which entities of presidio are names, and which are addresses.",
    )
    recognizers: str | None = Field(
        default=None,
        description="A file of further recognizers (patterns, lists of words) in presidio's YAML format.",
    )
    min_score: float = Field(default=0.5, ge=0, le=1, description="Smallest score of presidio that counts.")
