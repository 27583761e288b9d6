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
    long, and pairs whose placeholders differ. White space inside a message is one space. Where the catalogs
    and `both_ways` make several directions, each input begins with the language wanted, and all rows of one
    original stay in one split.

    Raises:
        UserError: a package cannot be fetched, or a catalog is missing or damaged.
    """
    rows: list[Row] = []
    dropped: Counter[str] = Counter()
    languages = {catalog.target_lang or task.target_lang for catalog in task.catalogs}
    for catalog in task.catalogs:
        language = catalog.target_lang or task.target_lang
        for number, (original, translation) in enumerate(_messages(catalog, dropped), 1):
            reason = _unfit(original, translation, language, task.max_chars)
            if reason:
                dropped[reason] += 1
                continue
            key = f"{catalog.package}:{number}"
            if len(languages) == 1 and not task.both_ways:
                rows.append(Row(key, original, translation, catalog.package))
            else:
                rows += _directed(key, original, translation, catalog.package, language, task)
    several = len(languages) > 1 or task.both_ways
    return Table(
        "generation", rows, "" if several else task.input_lang, "" if several else languages.pop(), dropped
    )


def _directed(
    key: str, original: str, translation: str, source: str, language: str, task: TranslationTask
) -> list[Row]:
    common = {"source": source, "group": original}
    there = Row(
        key,
        f"{language}: {original}",
        translation,
        input_lang=task.input_lang,
        target_lang=language,
        **common,
    )
    if not task.both_ways:
        return [there]
    back = Row(
        f"{key}:back", f"{task.input_lang}: {translation}", original, input_lang=language,
        target_lang=task.input_lang, **common,
    )  # fmt: skip
    return [there, back]


def _unfit(original: str, translation: str, language: str, max_chars: int) -> str:
    if not translation or translation == original:
        return "untranslated"
    if language == "zh" and not _HAN.search(translation):
        return "untranslated"
    if _MARKUP.search(original) or _MARKUP.search(translation):
        return "markup"
    if max(len(original), len(translation)) > max_chars:
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
