"""Texts as sequences of hashed tokens, a whole batch at a time.

Deduplication and contamination see a text the same way: NFKC, lower case, and then its tokens. A token is a
run of letters, marks and digits; in scripts that are written without spaces (Han, kana, Thai, Lao, Myanmar,
Khmer) every character is a token of its own. All else only separates. A document's n-grams are hashed to 64
bits; two different n-grams of a corpus of 10^9 share a hash with probability below 3 %, and what must be
certain is confirmed on the characters (`same_ngrams`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from textmill.corpus.code_points import ALONE, IN_WORD, Characters, characters

Uint64s = npt.NDArray[np.uint64]
Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_WORD_BASE = np.uint64(0x9E3779B97F4A7C15)
_NGRAM_BASE = np.uint64(0xD1342543DE82EF95)
# Powers for texts of a usual batch stay in memory: twice eight bytes for each of so many characters.
_KEPT_BITS = (18, 20)


@dataclass(frozen=True)
class Tokens:
    """The tokens of a batch of documents.

    Attributes:
        hashes: uint64, one per token.
        offsets: int64, one more than there are documents; document d has the tokens offsets[d] to
            offsets[d + 1].
        characters: what the tokens are made of.
        begin, end: int64, the characters of each token, half-open.
    """

    hashes: Uint64s
    offsets: Int64s
    characters: Characters
    begin: Int64s
    end: Int64s

    @cached_property
    def codes(self) -> npt.NDArray[np.uint32]:
        """The code points of all tokens, one after the other, nothing between them."""
        kinds = self.characters.kinds
        return self.characters.codes[(kinds == IN_WORD) | (kinds == ALONE)]

    @cached_property
    def starts(self) -> Int64s:
        """Token i is ``codes[starts[i]:starts[i + 1]]``; one more than there are tokens."""
        return np.concatenate(([0], np.cumsum(self.end - self.begin)))


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


def tokens(texts: pa.Array) -> Tokens:
    """The tokens of a batch of texts; a null text has none."""
    return tokens_of(characters(texts))


def tokens_of(batch: Characters) -> Tokens:
    """The tokens of a batch of documents whose characters are known."""
    word = batch.kinds == IN_WORD
    continues = np.zeros(len(word) + 1, bool)
    np.logical_and(word[1:], word[:-1], out=continues[1:-1])
    continues[batch.offsets] = False
    inside = word | (batch.kinds == ALONE)
    begin = np.flatnonzero(inside > continues[:-1])
    end = np.flatnonzero(inside > continues[1:]) + 1
    return Tokens(
        hashes=_token_hashes(batch.codes, begin, end),
        offsets=np.searchsorted(begin, batch.offsets),
        characters=batch,
        begin=begin,
        end=end,
    )


def _token_hashes(codes: npt.NDArray[np.uint32], begin: Int64s, end: Int64s) -> Uint64s:
    """Polynomials in the word base: differences of one running sum over all characters."""
    values = (codes.astype(np.uint64) + np.uint64(1)) * np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(29)
    powers, inverses = _powers(max(len(codes) - 1, 0).bit_length())
    values *= powers[: len(codes)]
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(values, out=sums[1:])
    return mixed((sums[end] - sums[begin]) * inverses[begin])


def _powers(bits: int) -> tuple[Uint64s, Uint64s]:
    """The powers of the word base below 2**bits, and those of its inverse modulo 2**64."""
    kept = next((most for most in _KEPT_BITS if bits <= most), None)
    return _all_powers(bits) if kept is None else _kept_powers(kept)


@cache
def _kept_powers(bits: int) -> tuple[Uint64s, Uint64s]:
    return _all_powers(bits)


def _all_powers(bits: int) -> tuple[Uint64s, Uint64s]:
    both = np.ones((2, 1 << bits), np.uint64)
    for powers, base in zip(both, (int(_WORD_BASE), pow(int(_WORD_BASE), -1, 1 << 64)), strict=True):
        for bit in range(bits):
            half = 1 << bit
            powers[half : 2 * half] = powers[:half] * np.uint64(pow(base, half, 1 << 64))
    return both[0], both[1]


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
    batch: pa.RecordBatch, column: str = "text", most_bytes: int = 1 << 18
) -> Iterator[pa.RecordBatch]:
    """Cut a batch into slices of about `most_bytes` of text, so that memory is bounded.

    Arrays of slices of the usual size are small enough for the allocator to use the same memory again; for
    larger ones the kernel maps and clears new pages each time, a tenth of the CPU time and more.
    """
    sizes = pc.fill_null(pc.binary_length(batch.column(column)), 0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(sizes)
    start = 0
    while start < batch.num_rows:
        before = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, before + most_bytes, side="right")), start + 1)
        yield batch.slice(start, stop - start)
        start = stop
