"""params.yaml: clean. What is repaired, normalized and masked in every document."""

from pydantic import Field

from textmill.config.section import Section


class Mask(Section):
    """Which personal data and secrets are replaced by a placeholder."""

    email: bool = Field(default=True, description="E-mail addresses become `<EMAIL>`.")
    phone: bool = Field(
        default=True,
        description="Telephone numbers become `<PHONE>`: international (+…), Chinese mobile and landline, "
        "North American. Only numbers that are valid under the numbering plan of their country.",
    )
    ip: bool = Field(
        default=True,
        description="Globally routable IPv4 and IPv6 addresses become `<IP>`; private, loopback and "
        "documentation addresses identify nobody and stay.",
    )
    secret: bool = Field(
        default=True,
        description="Passwords and tokens in URLs, API keys of known forms, JSON web tokens and private keys "
        "become `<SECRET>`.",
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
    mask: Mask = Field(
        default_factory=Mask, description="What is masked, and counted in the `pii_*` columns."
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
