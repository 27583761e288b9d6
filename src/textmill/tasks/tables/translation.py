"""Rows of kind `translation`: the message catalogs of programs (gettext .mo and .po)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from textmill.config.tasks import Catalog, TranslationTask
from textmill.corpus.archives import open_member
from textmill.corpus.sources.packages import fetched, matching
from textmill.errors import UserError
from textmill.tasks.tables.row import Row, Table

PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[a-zA-Z](?![a-zA-Z])|\{[^{}]*\}")
"""Where a program fills in a value: ``%(name)s``, ``%d``, ``{name}``."""

_MARKUP = re.compile(r"</?[a-zA-Z][^>]*>|&\w+;")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_LETTERS = re.compile(r"[^\W\d_]{2}")


def read(task: TranslationTask) -> Table:
    """Read the pairs of all catalogs. Dropped are pairs that teach nothing about language.

    Those are: untranslated or doubtful (``fuzzy``) messages, markup, sides without words, sides that are too
    long, and pairs whose placeholders differ. White space inside a message is one space.

    Raises:
        UserError: a package cannot be fetched, or a catalog is missing or damaged.
    """
    rows = []
    dropped: Counter[str] = Counter()
    for catalog in task.catalogs:
        for number, (original, translation) in enumerate(_messages(catalog, dropped), 1):
            reason = _unfit(original, translation, task)
            if reason:
                dropped[reason] += 1
            else:
                rows.append(Row(f"{catalog.package}:{number}", original, translation, catalog.package))
    return Table("generation", rows, task.input_lang, task.target_lang, dropped)


def _unfit(original: str, translation: str, task: TranslationTask) -> str:
    if not translation or translation == original:
        return "untranslated"
    if task.target_lang == "zh" and not _HAN.search(translation):
        return "untranslated"
    if _MARKUP.search(original) or _MARKUP.search(translation):
        return "markup"
    if max(len(original), len(translation)) > task.max_chars:
        return "too long"
    if not _LETTERS.search(PLACEHOLDER.sub("", original)):
        return "no words"
    if Counter(PLACEHOLDER.findall(original)) != Counter(PLACEHOLDER.findall(translation)):
        return "placeholders differ"
    return ""


def _messages(catalog: Catalog, dropped: Counter[str]) -> Iterator[tuple[str, str]]:
    archive = fetched(catalog)
    for member in matching(archive, catalog.members):
        for message in _parsed(archive, member):
            if not message.id:
                continue
            if message.fuzzy:
                dropped["fuzzy"] += 1
                continue
            # Of a plural the last form is the general one in both languages.
            original = message.id[-1] if isinstance(message.id, list | tuple) else message.id
            translated = message.string
            translation = translated[-1] if isinstance(translated, list | tuple) else translated
            yield " ".join(original.split()), " ".join((translation or "").split())


def _parsed(archive: Path, member: str) -> Any:
    from babel.messages.mofile import read_mo
    from babel.messages.pofile import PoFileError, read_po

    with open_member(archive, member) as stream:
        try:
            return read_po(stream) if member.endswith(".po") else read_mo(stream)
        except (PoFileError, OSError, ValueError, LookupError) as error:
            raise UserError(
                f"{archive.name}: {member}: expected a gettext catalog (.mo or .po), but {error}."
            ) from error
