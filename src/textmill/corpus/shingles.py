"""Texts as sequences of hashed tokens, a whole batch at a time.

Deduplication and contamination see a text the same way: NFKC, lower case, and then its tokens. A token is a
run of letters, marks and digits; in scripts that are written without spaces (Han, kana, Thai, Lao, Myanmar,
Khmer) every character is a token of its own. All else only separates. A document's n-grams are hashed to 64
bits; two different n-grams of a corpus of 10^9 share a hash with probability below 3 %, and what must be
certain is confirmed on the characters (`same_ngrams`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Uint64s = npt.NDArray[np.uint64]
Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SEPARATOR, IN_WORD, ALONE = 0, 1, 2
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
_WORD_BASE = np.uint64(0x9E3779B97F4A7C15)
_NGRAM_BASE = np.uint64(0xD1342543DE82EF95)


@dataclass(frozen=True)
class Tokens:
    """The tokens of a batch of documents.

    Attributes:
        codes: uint32, the code points of all tokens, one after the other, nothing between them.
        starts: int64, one more than there are tokens; token i is ``codes[starts[i]:starts[i + 1]]``.
        hashes: uint64, one per token.
        offsets: int64, one more than there are documents; document d has the tokens offsets[d] to
            offsets[d + 1].
    """

    codes: npt.NDArray[np.uint32]
    starts: Int64s
    hashes: Uint64s
    offsets: Int64s


@dataclass(frozen=True)
class Ngrams:
    """The hashed n-grams of a batch of documents.

    Attributes:
        hashes: uint64, one per n-gram.
        first: int64, the token each begins with.
        lengths: int64, how many tokens each has.
        offsets: int64, where each document's n-grams begin, plus the end.
    """

    hashes: Uint64s
    first: Int64s
    lengths: Int64s
    offsets: Int64s


def normalised(texts: pa.Array) -> pa.LargeStringArray:
    """The texts in NFKC and lower case (simple case mapping, so no character looks at its neighbours)."""
    texts = texts.cast(pa.large_string())
    # pyarrow's utf8_normalize decomposes but does not compose; ASCII text needs neither.
    composed = pc.invert(pc.fill_null(pc.string_is_ascii(texts), True))
    others = [unicodedata.normalize("NFKC", text) for text in texts.filter(composed).to_pylist()]
    return pc.utf8_lower(pc.replace_with_mask(texts, composed, pa.array(others, pa.large_string())))


def mixed(values: Uint64s) -> Uint64s:
    """The values scrambled one to one, so that each bit of the result depends on all bits.

    The final mix of MurmurHash3; uint64 in, uint64 of the same shape out.
    """
    values = values ^ (values >> np.uint64(33))
    values *= np.uint64(0xFF51AFD7ED558CCD)
    values ^= values >> np.uint64(33)
    values *= np.uint64(0xC4CEB9FE1A85EC53)
    values ^= values >> np.uint64(33)
    return values


@cache
def _classes() -> npt.NDArray[np.uint8]:
    table = np.zeros(_LAST_CLASSIFIED + 1, np.uint8)
    for code in range(_LAST_CLASSIFIED):
        if unicodedata.category(chr(code))[0] in "LMN":
            table[code] = IN_WORD
    for first, end in _UNSPACED:
        part = table[first:end]
        part[part == IN_WORD] = ALONE
    return table


def _codes(texts: pa.LargeStringArray) -> npt.NDArray[np.uint32]:
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = texts.buffers()[2]
    if data is None or not len(texts):
        return np.zeros(0, np.uint32)
    raw = memoryview(data)[int(offsets[0]) : int(offsets[-1])]
    return np.frombuffer(str(raw, "utf-8").encode("utf-32-le"), np.uint32)


def tokens(texts: pa.Array) -> Tokens:
    """The tokens of a batch of texts; a null text has none."""
    texts = normalised(pc.fill_null(texts, ""))
    codes = _codes(texts)
    lengths = pc.utf8_length(texts).to_numpy(zero_copy_only=False).astype(np.int64)
    document_starts = np.concatenate(([0], np.cumsum(lengths)))
    kinds = _classes()[np.minimum(codes, _LAST_CLASSIFIED)]
    in_token = kinds != SEPARATOR
    begins = np.empty(len(kinds), bool)
    begins[:1] = True
    begins[1:] = kinds[:-1] != IN_WORD
    begins[document_starts[:-1][lengths > 0]] = True
    begins |= kinds == ALONE
    begins &= in_token
    kept = codes[in_token]
    starts = np.flatnonzero(begins[in_token])
    token_ends = np.concatenate(([0], np.cumsum(begins)))
    return Tokens(
        codes=kept,
        starts=np.append(starts, len(kept)),
        hashes=_token_hashes(kept, starts),
        offsets=token_ends[document_starts],
    )


def _token_hashes(codes: npt.NDArray[np.uint32], starts: Int64s) -> Uint64s:
    if not len(starts):
        return np.zeros(0, np.uint64)
    lengths = np.diff(np.append(starts, len(codes)))
    places = np.arange(len(codes)) - np.repeat(starts, lengths)
    powers = np.full(int(lengths.max()), _WORD_BASE)
    powers[0] = 1
    powers = np.multiply.accumulate(powers)
    values = (codes.astype(np.uint64) + np.uint64(1)) * np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(29)
    return mixed(np.add.reduceat(values * powers[places], starts))


def ngrams(batch: Tokens, size: int, shorter: bool = False) -> Ngrams:
    """All n-grams of `size` tokens, document by document, in order, repetitions included.

    Args:
        batch: the tokens.
        size: tokens per n-gram, at least 1.
        shorter: a document of fewer tokens (but at least one) gives one n-gram of all of them, else none.
    """
    found = ngrams_by_size(batch, size, size)
    full = next(found)
    if not shorter:
        return full
    counts = np.diff(batch.offsets)
    short = np.flatnonzero((counts > 0) & (counts < size))
    if not len(short):
        return full
    pieces = [(full.hashes, full.first, full.lengths)]
    for length in range(1, size):
        documents = short[counts[short] == length]
        first = batch.offsets[documents]
        pieces.append((_rolled(batch.hashes, first, length), first, np.full(len(first), length)))
    hashes, first, lengths = (np.concatenate(column) for column in zip(*pieces, strict=True))
    order = np.argsort(first, kind="stable")
    per_document = np.diff(full.offsets)
    per_document[short] = 1
    offsets = np.concatenate(([0], np.cumsum(per_document)))
    return Ngrams(hashes[order], first[order], lengths[order], offsets)


def ngrams_by_size(batch: Tokens, smallest: int, largest: int) -> Iterator[Ngrams]:
    """Yield the n-grams of `smallest` tokens, then those of one more, up to `largest`."""
    total = len(batch.hashes)
    ends = np.repeat(batch.offsets[1:], np.diff(batch.offsets))
    rolled = np.zeros(total, np.uint64)
    for size in range(1, largest + 1):
        rolled = rolled[: max(total - size + 1, 0)] * _NGRAM_BASE + batch.hashes[size - 1 :]
        if size < smallest:
            continue
        first = np.flatnonzero(np.arange(size, size + len(rolled)) <= ends[: len(rolled)])
        counts = np.maximum(np.diff(batch.offsets) - size + 1, 0)
        offsets = np.concatenate(([0], np.cumsum(counts)))
        # The size is part of the hash: a row of 8 tokens and one of 13 are looked up in one table.
        hashes = mixed(rolled[first] + np.uint64(size))
        yield Ngrams(hashes, first, np.full(len(first), size), offsets)


def _rolled(hashes: Uint64s, first: Int64s, size: int) -> Uint64s:
    rolled = np.zeros(len(first), np.uint64)
    for place in range(size):
        rolled = rolled * _NGRAM_BASE + hashes[first + place]
    return mixed(rolled + np.uint64(size))


def distinct(found: Ngrams) -> tuple[Uint64s, Int64s]:
    """Each document's set of n-gram hashes.

    Returns:
        The hashes, uint64, sorted within each document, and the int64 offsets where each document's begin,
        plus the end.
    """
    counts = np.diff(found.offsets)
    documents = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((found.hashes, documents))
    hashes = found.hashes[order]
    fresh = np.ones(len(hashes), bool)
    fresh[1:] = (hashes[1:] != hashes[:-1]) | (documents[1:] != documents[:-1])
    sizes = np.bincount(documents[fresh], minlength=len(counts))
    return hashes[fresh], np.concatenate(([0], np.cumsum(sizes)))


def same_ngrams(one: Tokens, first: Int64s, other: Tokens, other_first: Int64s, lengths: Int64s) -> Bools:
    """Whether n-grams are made of the same characters, token by token.

    Args:
        one, other: the tokens of either side.
        first, other_first: the first token of each n-gram on either side.
        lengths: how many tokens each n-gram has.
    """
    equal = _same_runs(np.diff(one.starts), first, np.diff(other.starts), other_first, lengths)
    chosen = np.flatnonzero(equal)
    begin, other_begin = one.starts[first[chosen]], other.starts[other_first[chosen]]
    widths = one.starts[first[chosen] + lengths[chosen]] - begin
    equal[chosen] = _same_runs(one.codes, begin, other.codes, other_begin, widths)
    return equal


def _same_runs(
    one: np.ndarray, starts: Int64s, other: np.ndarray, other_starts: Int64s, lengths: Int64s
) -> Bools:
    """Whether runs of `lengths` (all at least 1) values are equal in both arrays."""
    if not len(starts):
        return np.zeros(0, bool)
    before = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    places = np.arange(int(lengths.sum())) - np.repeat(before, lengths)
    matches = one[np.repeat(starts, lengths) + places] == other[np.repeat(other_starts, lengths) + places]
    return np.logical_and.reduceat(matches, before)


def slices(
    batch: pa.RecordBatch, column: str = "text", most_bytes: int = 2 << 20
) -> Iterator[pa.RecordBatch]:
    """Cut a batch into slices of about `most_bytes` of text, so that memory is bounded."""
    sizes = pc.fill_null(pc.binary_length(batch.column(column)), 0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(sizes)
    start = 0
    while start < batch.num_rows:
        before = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, before + most_bytes, side="right")), start + 1)
        yield batch.slice(start, stop - start)
        start = stop
