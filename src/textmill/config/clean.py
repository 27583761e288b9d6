"""params.yaml: clean. What is repaired, normalized and masked in every document."""

from typing import Literal

from pydantic import Field

from textmill.config.names import Names
from textmill.config.section import Section

Action = Literal["mask", "count", "ignore"]


class Pii(Section):
    """What is done with personal data and secrets, type by type.

    `mask` replaces an item by a placeholder and counts it, `count` only counts it, `ignore` does not look. To
    drop the documents that hold any, set `select.pii`.
    """

    email: Action = Field(default="mask", description="E-mail addresses; masked as `<EMAIL>`.")
    phone: Action = Field(
        default="mask",
        description="Telephone numbers (`<PHONE>`): international (+…), Chinese mobile and landline, "
        "North American. Only numbers that are valid under the numbering plan of their country.",
    )
    ip: Action = Field(
        default="mask",
        description="Globally routable IPv4 and IPv6 addresses (`<IP>`); private, loopback and "
        "documentation addresses identify nobody and stay.",
    )
    credit_card: Action = Field(
        default="mask",
        description="Payment card numbers (`<CREDIT_CARD>`) with a known issuer, its length and a valid "
        "check digit.",
    )
    resident_id: Action = Field(
        default="mask",
        description="Chinese resident identity numbers (`<RESIDENT_ID>`) with a valid region, date and check "
        "character.",
    )
    iban: Action = Field(
        default="mask",
        description="International bank account numbers (`<IBAN>`) of the country's length with valid check "
        "digits.",
    )
    secret: Action = Field(
        default="mask",
        description="Passwords and tokens in URLs, API keys of known forms, JSON web tokens and private keys "
        "(`<SECRET>`).",
    )


class Clean(Section):
    """How text is cleaned. Used by the clean stage and, for their rows, by the tasks."""

    mojibake: bool = Field(
        default=True, description="Repair text that was decoded with the wrong encoding (ftfy)."
    )
    entities: bool = Field(
        default=False,
        description="Replace HTML entities (`&amp;`) in documents that contain no `<`. For text that was "
        "scraped without unescaping; in documentation, entities are usually what the text is about.",
    )
    html: bool = Field(
        default=True,
        description="Extract the text of HTML documents (trafilatura): those that are declared by "
        '`{"format": "html"}` in `meta`, and those that are plainly HTML from beginning to end.',
    )
    full_width: Literal["keep", "letters", "all"] = Field(
        default="letters",
        description="Which full-width forms become ASCII: `letters` (and digits: `１２３Ａ`), `all` "
        "(punctuation too: `，！（`; not for prose in Chinese, which is written with it), or none (`keep`).",
    )
    simplified: bool = Field(
        default=False,
        description="Replace traditional by simplified characters in documents whose language is Chinese "
        "(OpenCC; extra `chinese`).",
    )
    pii: Pii = Field(
        default_factory=Pii, description="What is masked, and what is counted in the `pii_*` columns."
    )
    names: Names | None = Field(
        default=None,
        description="Names of persons and places, by presidio and models that you bring; null does not look.",
    )
    language: bool = Field(
        default=True,
        description="Detect the language (fastText lid.176). When false, `lang` stays as declared.",
    )
    language_hint_below: float = Field(
        default=0.7,
        ge=0,
        le=1,
        description="Where the detector's probability is below this and the source declared a language, the "
        "declared one is kept.",
    )
    language_hint_characters: int = Field(
        default=40,
        ge=0,
        description="Texts shorter than this keep the language that their source declared, if it did: the "
        "detector takes `hello?` for Italian.",
    )
