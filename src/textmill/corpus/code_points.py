"""Texts as arrays of normalised code points, a whole batch at a time.

Normalised means NFKC, lower case (simple case mapping, so no character looks at its neighbours), and every
character of white space as U+0020. Most characters are normalised one by one with a table. The others (they
expand, combine or may compose with the one before them) send their whole document through unicodedata.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

SEPARATOR, IN_WORD, ALONE, SPACE, NOT_ALONE = range(5)
# Code points from here on are private use, tags or variation selectors; none of them is part of a word.
_LAST_CLASSIFIED = 0x32400
_UNSPACED = (
    (0x0E00, 0x0F00),  # Thai, Lao
    (0x1000, 0x10A0),  # Myanmar
    (0x1780, 0x1800),  # Khmer
    (0x3005, 0x3008),  # iteration marks of Han
    (0x3040, 0x3130),  # kana, Bopomofo
    (0x31A0, 0x3200),  # Bopomofo and kana extensions
    (0x3400, 0x4DC0),  # Han extension A
    (0x4E00, 0xA000),  # Han
    (0xF900, 0xFB00),  # Han compatibility
    (0x1AFF0, 0x1B170),  # kana supplement
    (0x20000, _LAST_CLASSIFIED),  # Han extensions B to H
)
# Neither case nor normalisation changes these, and nothing in them combines.
_UNCHANGED = (
    (0x3400, 0x4DC0),  # Han extension A
    (0x4E00, 0xA000),  # Han
    (0xAC00, 0xF900),  # Hangul, surrogates, private use
    (0x12000, 0x16800),  # cuneiform, hieroglyphs
    (0x17000, 0x1AFF0),  # Tangut, Khitan
    (0x20000, 0x2F800),  # Han extensions
    (0x2FA20, _LAST_CLASSIFIED),
)
# Vowels and final consonants, which are composed with the syllable before them.
_JAMO = (0x1160, 0x1200)
_LAST_SPACE = 0x3000


@dataclass(frozen=True)
class Characters:
    """The characters of a batch of documents.

    Attributes:
        codes: uint32, the normalised code points of all documents, one after the other.
        kinds: uint8, SEPARATOR, IN_WORD, ALONE or SPACE for each.
        offsets: int64, one more than there are documents; document d has the characters offsets[d] to
            offsets[d + 1].
    """

    codes: npt.NDArray[np.uint32]
    kinds: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def of(self, documents: npt.NDArray[np.bool_]) -> Characters:
        """The characters of the chosen documents alone."""
        if documents.all():
            return self
        lengths = np.diff(self.offsets)
        chosen = np.repeat(documents, lengths)
        offsets = np.concatenate(([0], np.cumsum(lengths[documents])))
        return Characters(self.codes[chosen], self.kinds[chosen], offsets)


def characters(texts: pa.Array) -> Characters:
    """The normalised characters of a batch of texts; a null text has none."""
    texts = pc.fill_null(texts, "").cast(pa.large_string())
    codes, offsets = _decoded(texts)
    tables, places = _tables(), _clipped(codes)
    found = tables.kinds.take(places)
    batch = Characters(_replaced(codes, places, tables.plain), found, offsets)
    apart = np.flatnonzero(found == NOT_ALONE)
    if not len(apart):
        return batch
    documents = np.zeros(len(texts), bool)
    documents[np.searchsorted(offsets, apart, side="right") - 1] = True
    return _spliced(batch, _composed(texts.filter(pa.array(documents))), documents)


def _composed(texts: pa.LargeStringArray) -> Characters:
    """The characters of texts that must be normalised as a whole."""
    whole = [unicodedata.normalize("NFKC", text) for text in texts.to_pylist()]
    codes, offsets = _decoded(pa.array(whole, pa.large_string()))
    codes = _replaced(codes, _clipped(codes), _tables().lower)
    kinds = _classes().take(_clipped(codes))
    codes[kinds == SPACE] = 0x20
    return Characters(codes, kinds, offsets)


def _spliced(batch: Characters, others: Characters, chosen: npt.NDArray[np.bool_]) -> Characters:
    """The batch with the chosen documents replaced by others, in order."""
    lengths = np.diff(batch.offsets)
    kept = ~np.repeat(chosen, lengths)
    lengths[chosen] = np.diff(others.offsets)
    replaced = np.repeat(chosen, lengths)
    both = []
    for one, other in ((batch.codes, others.codes), (batch.kinds, others.kinds)):
        spliced = np.empty(len(replaced), one.dtype)
        spliced[~replaced], spliced[replaced] = one[kept], other
        both.append(spliced)
    return Characters(both[0], both[1], np.concatenate(([0], np.cumsum(lengths))))


def _decoded(texts: pa.LargeStringArray) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """The code points of the texts, and where each text's begin, plus the end."""
    lengths = pc.utf8_length(texts).to_numpy(zero_copy_only=False)
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)))
    data = texts.buffers()[2]
    if data is None or not len(texts):
        return np.zeros(0, np.uint32), offsets
    bounds = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    raw = memoryview(data)[int(bounds[0]) : int(bounds[-1])]
    return np.frombuffer(str(raw, "utf-8").encode("utf-32-le"), np.uint32), offsets


def _clipped(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """Where to look up the code points in a table."""
    places = codes.astype(np.int64)
    return np.minimum(places, _LAST_CLASSIFIED, out=places)


def _replaced(
    codes: npt.NDArray[np.uint32], places: npt.NDArray[np.int64], table: npt.NDArray[np.uint32]
) -> npt.NDArray[np.uint32]:
    replaced = table.take(places)
    beyond = places == _LAST_CLASSIFIED
    if beyond.any():
        replaced[beyond] = codes[beyond]
    return replaced


@cache
def _classes() -> npt.NDArray[np.uint8]:
    """What each code point is in a text that is normalised already."""
    category = unicodedata.category
    initials = "".join(map(category, map(chr, range(_LAST_CLASSIFIED))))[::2]
    word = np.isin(np.frombuffer(initials.encode(), np.uint8), np.frombuffer(b"LMN", np.uint8))
    table = np.append(np.where(word, np.uint8(IN_WORD), np.uint8(SEPARATOR)), np.uint8(SEPARATOR))
    for first, end in _UNSPACED:
        part = table[first:end]
        part[part == IN_WORD] = ALONE
    table[[code for code in range(_LAST_SPACE + 1) if chr(code).isspace()]] = SPACE
    return table


@dataclass(frozen=True)
class _Tables:
    """By code point of a text: `plain` is what it becomes and `kinds` the class of that; NOT_ALONE where it
    does not decide that alone: it becomes several, has a combining class, or may be composed with the one
    before it. `lower` is the lower case of a code point that is NFKC already."""

    plain: npt.NDArray[np.uint32]
    kinds: npt.NDArray[np.uint8]
    lower: npt.NDArray[np.uint32]


@cache
def _tables() -> _Tables:
    bounds = [1, *(edge for pair in _UNCHANGED for edge in pair)][:-1]
    codes = np.concatenate([np.arange(*pair) for pair in zip(bounds[::2], bounds[1::2], strict=True)])
    letters = list(map(chr, codes.tolist()))
    # Nothing is composed across a NUL.
    whole = unicodedata.normalize("NFKC", "\0".join(letters)).split("\0")
    pairs = [parts.split() for parts in map(unicodedata.decomposition, letters) if parts and parts[0] != "<"]
    followers = {chr(int(pair[1], 16)) for pair in pairs if len(pair) == 2}
    followers.update(map(chr, range(*_JAMO)))
    combining = unicodedata.combining
    apart = np.zeros(_LAST_CLASSIFIED + 1, bool)
    apart[codes] = [len(each) != 1 or each in followers or combining(each) > 0 for each in whole]
    lower = np.arange(_LAST_CLASSIFIED + 1, dtype=np.uint32)
    lower[codes] = [ord(letter.lower()[0]) for letter in letters]
    plain = np.arange(_LAST_CLASSIFIED + 1, dtype=np.uint32)
    plain[codes] = [ord(each[0]) for each in whole]
    plain = lower[plain]
    kinds = np.where(apart, np.uint8(NOT_ALONE), _classes()[plain])
    plain[kinds == SPACE] = 0x20
    return _Tables(plain, kinds, lower)


def text_digests(batch: Characters) -> list[bytes]:
    """128-bit hashes of the documents, the same for two that differ in white space or case alone.

    White space at either end does not count, and a run of it counts as one space.
    """
    space = batch.kinds == SPACE
    dropped = np.zeros(len(space), bool)
    dropped[:-1] = space[1:]
    filled = np.diff(batch.offsets) > 0
    dropped[batch.offsets[1:][filled] - 1] = True
    dropped &= space
    codes = batch.codes[~dropped]
    bounds = batch.offsets - np.searchsorted(np.flatnonzero(dropped), batch.offsets)
    starts = bounds[:-1].copy()
    some = bounds[1:] > starts
    starts[some] += codes[starts[some]] == 0x20
    data = memoryview(codes.view(np.uint8))  # type: ignore[arg-type]
    digest = xxhash.xxh3_128_digest
    return [
        digest(data[start:end])
        for start, end in zip((4 * starts).tolist(), (4 * bounds[1:]).tolist(), strict=True)
    ]
