"""Swapped copies of documents: counterfactual data augmentation (Lu et al. 2020; Hall Maudslay et al. 2019).

A copy reads as the original with women for men and men for women. Rules choose the English pronoun that the
sentence asks for (her → his before a noun, else him). They do not parse: see docs/bias.md for what they miss.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from textmill.config.mitigate import Counterfactual
from textmill.corpus.identity.lexicon import load_lexicon
from textmill.corpus.shards import DOCUMENT
from textmill.errors import UserError

PACKAGED_FILES = ("swaps/en.yaml", "swaps/zh.yaml")
FOLDER = Path(__file__).parent / "swaps"
MARK = "counterfactual"

_NEXT = re.compile(r"[ \t]*\n?[ \t]*([^\W\d_]+)")
_BEFORE = re.compile(r"([^\W\d_]+)[ \t]+$")
_REACH = 60
_PRONOUNS = ("her", "hers", "his", "him")


class Swapper:
    """Swaps the words of one language."""

    def __init__(self, language: str, more: Sequence[tuple[str, str]] = ()):
        """Args: ``en`` or ``zh``; further pairs.

        Raises:
            UserError: a further pair names a word that already has another counterpart.
        """
        from ruamel.yaml import YAML

        listed = YAML(typ="safe").load((FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
        self.language = language
        self.exact: dict[str, str] = {}
        self.other: dict[str, str] = dict(listed["one_way"])
        for one, two in listed["pairs"]:
            self._pair(one, two)
        for one, two in more:
            self._pair(one, two)
        self.names, self.no_noun = frozenset(listed["names"]), frozenset(listed["no_noun"])
        kept = listed["kept"] + (_ignored() if language == "zh" else [])
        self.kept = frozenset(kept) - set(self.other) - set(self.exact)
        self.pattern = self._pattern()

    def _pair(self, one: str, two: str) -> None:
        table = self.exact if one[:1].isupper() or two[:1].isupper() else self.other
        for word, counterpart in ((one, two), (two, one)):
            if table.setdefault(word, counterpart) != counterpart:
                raise UserError(
                    f"params.yaml: mitigate.counterfactual.pairs: {word!r} is already swapped with "
                    f"{table[word]!r}; expected one counterpart, found {counterpart!r} too."
                )

    def _pattern(self) -> re.Pattern[str]:
        words = sorted({*self.exact, *self.other, *self.kept}, key=lambda word: (-len(word), word))
        if self.language == "zh":
            return re.compile("|".join(map(re.escape, words)))
        words = sorted({*words, *_PRONOUNS}, key=lambda word: (-len(word), word))
        spaced = "|".join(re.escape(word).replace(r"\ ", "[ '’-]") for word in words)
        return re.compile(rf"(?<!\w)(?:{spaced})(?!\w)", re.IGNORECASE)

    def __call__(self, text: str) -> str:
        """The swapped text; equal to `text` where there is nothing to swap."""
        if self.language == "zh":
            return self.pattern.sub(
                lambda hit: self.other.get(hit[0]) or self.exact.get(hit[0], hit[0]), text
            )
        return self.pattern.sub(self._english, text)

    def _english(self, hit: re.Match[str]) -> str:
        word = hit[0]
        if word in self.exact:
            return self.exact[word]
        lower = word.lower()
        if lower in _PRONOUNS:
            return _cased(self._pronoun(lower, hit), word)
        if lower not in self.other or (lower in self.names and word[0].isupper() and _after_name(hit)):
            return word
        return _cased(self.other[lower], word)

    def _pronoun(self, lower: str, hit: re.Match[str]) -> str:
        if lower == "hers":
            return "his"
        if lower == "him":
            return "her"
        following = _NEXT.match(hit.string, hit.end(), hit.end() + _REACH)
        possessive = following is not None and following[1].lower() not in self.no_noun
        if lower == "her":
            return "his" if possessive else "him"
        return "her" if possessive else "hers"


def _ignored() -> list[str]:
    lexicon = load_lexicon("zh")
    listed = np.hstack([lexicon.in_group, lexicon.in_attribute]).any(axis=1)
    return [lexicon.terms[place] for place in np.flatnonzero(~listed)]


def _after_name(hit: re.Match[str]) -> bool:
    before = _BEFORE.search(hit.string, max(hit.start() - _REACH, 0), hit.start())
    return (
        before is not None and before[1][0].isupper() and before[1].lower() not in ("the", "a", "his", "her")
    )


def _cased(word: str, like: str) -> str:
    if len(like) > 1 and like.isupper():
        return word.upper()
    return word.capitalize() if like[0].isupper() else word


def copy_id(original: str) -> str:
    """The id of a document's swapped copy: 32 hex digits, the same on every run."""
    return xxhash.xxh3_128_hexdigest(f"{original}\0{MARK}".encode())


class Augmenter:
    """Makes swapped copies of the documents that the params choose."""

    def __init__(self, settings: Counterfactual, seed: int):
        self.settings, self.seed = settings, seed
        self.swappers = {
            language: Swapper(language, settings.pairs.get(language, ())) for language in settings.languages
        }

    def copies(self, batch: pa.RecordBatch) -> tuple[np.ndarray, pa.RecordBatch]:
        """Places of the copied documents in `batch` (columns of `DOCUMENT`), int64, and their copies."""
        places = [place for language in self.swappers for place in self._candidates(batch, language)]
        rows = [
            (place, text) for place in sorted(places) if (text := self._swapped(batch, place)) is not None
        ]
        where = np.array([place for place, _ in rows], np.int64)
        originals = batch.select(DOCUMENT.names).take(pa.array(where))
        ids = originals["id"].to_pylist()
        meta = [_marked(value, name) for value, name in zip(originals["meta"].to_pylist(), ids, strict=True)]
        columns: dict[str, Any] = {name: originals[name] for name in DOCUMENT.names}
        columns["id"] = pa.array([copy_id(name) for name in ids], pa.string())
        columns["text"] = pa.array([text for _, text in rows], pa.large_string())
        columns["meta"] = pa.array(meta, pa.string())
        return where, pa.RecordBatch.from_arrays(list(columns.values()), schema=DOCUMENT)

    def _candidates(self, batch: pa.RecordBatch, language: str) -> Iterator[int]:
        wanted = pc.fill_null(pc.equal(batch["lang"], language), False)
        if self.settings.sources:
            wanted = pc.and_(wanted, pc.is_in(batch["source"], pa.array(self.settings.sources, pa.string())))
        chosen = wanted.to_numpy(zero_copy_only=False)
        for place in np.flatnonzero(chosen).tolist():
            if self.settings.share < 1:
                key = f"{batch['id'][place].as_py()}\0{MARK}".encode()
                if xxhash.xxh3_64_intdigest(key, seed=self.seed) / 2**64 >= self.settings.share:
                    continue
            yield place

    def _swapped(self, batch: pa.RecordBatch, place: int) -> str | None:
        text = batch["text"][place].as_py() or ""
        swapped = self.swappers[batch["lang"][place].as_py()](text)
        return None if swapped == text else swapped


def _marked(meta: str | None, original: str) -> str:
    try:
        known = orjson.loads(meta or "{}")
    except orjson.JSONDecodeError:
        known = {}
    return orjson.dumps(
        (known if isinstance(known, dict) else {}) | {"counterfactual_of": original},
        option=orjson.OPT_SORT_KEYS,
    ).decode()
