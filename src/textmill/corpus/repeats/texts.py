"""The characters of a batch of documents, and hashes of any run of them in constant time.

Hashes are 128 bits: two polynomials modulo 2^64 with odd bases, over prefixes, so that the hash of a run is a
difference times an inverse power (after Karp & Rabin 1987). Two different runs among 10^9 share a hash with
probability below 10^-18.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Int64s = npt.NDArray[np.int64]
Uint64s = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

_BASES = (0x9E3779B97F4A7C15, 0xD1342543DE82EF95)
_CODES = 0x110000
SEPARATOR, IN_WORD, ALONE = range(3)
# Code points from here on are private use, tags or variation selectors; none of them is part of a word.
_LAST_WORD = 0x32400
_UNSPACED = "".join(
    rf"\p{{{script}}}"
    for script in ("Han", "Hiragana", "Katakana", "Bopomofo", "Thai", "Lao", "Myanmar", "Khmer")
)
_MODULUS = 1 << 64


@dataclass(frozen=True)
class Texts:
    """The characters of a batch.

    Attributes:
        codes: uint32, the code points of all documents, one after the other.
        bounds: int64, where each document begins, plus the end.
    """

    codes: npt.NDArray[np.uint32]
    bounds: Int64s

    @classmethod
    def of(cls, texts: pa.Array) -> Texts:
        """The characters of an array of strings; a null has none."""
        filled = pc.fill_null(texts.cast(pa.large_string()), "")
        lengths = pc.utf8_length(filled).to_numpy(zero_copy_only=False).astype(np.int64)
        _, offsets, data = filled.buffers()
        edges = np.frombuffer(offsets, np.int64)[filled.offset : filled.offset + len(filled) + 1]
        raw = b""
        if data is not None and len(filled):
            raw = str(memoryview(data)[int(edges[0]) : int(edges[-1])], "utf-8").encode("utf-32-le")
        return cls(np.frombuffer(raw, np.uint32), np.concatenate(([0], np.cumsum(lengths))))

    def documents(self, places: Int64s) -> Int64s:
        """The document that each of some characters is in."""
        return np.searchsorted(self.bounds, places, side="right") - 1


class RunHashes:
    """Hashes of runs of one sequence of values.

    Args:
        values: unsigned numbers below 2^63, one per element of the sequence.
    """

    def __init__(self, values: npt.NDArray[np.unsignedinteger]):
        scrambled = (values.astype(np.uint64) + np.uint64(1)) * np.uint64(0xBF58476D1CE4E5B9)
        scrambled ^= scrambled >> np.uint64(29)
        self._sums = []
        for base in _BASES:
            terms = scrambled * _powers(base, len(values))
            self._sums.append(np.concatenate((np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64))))

    def of(self, start: Int64s, end: Int64s) -> tuple[Uint64s, Uint64s]:
        """Two uint64 for each run ``values[start:end]``; equal runs have equal ones."""
        found = []
        for base, sums in zip(_BASES, self._sums, strict=True):
            inverse = _powers(pow(base, -1, _MODULUS), len(sums) - 1 or 1)
            first = np.minimum(start, len(inverse) - 1)
            length = (end - start).astype(np.uint64) * np.uint64(0x94D049BB133111EB)
            value = (sums[end] - sums[start]) * inverse[first] + length
            value ^= value >> np.uint64(32)
            value *= np.uint64(0xFF51AFD7ED558CCD)
            found.append(value ^ (value >> np.uint64(29)))
        return found[0], found[1]


def _powers(base: int, count: int) -> Uint64s:
    """base^0 … base^(count - 1) modulo 2^64, remembered for the next batch."""
    known = _remembered.get(base)
    if known is None or len(known) < count:
        factors = np.full(max(count, 1 << 20), base, np.uint64)
        factors[0] = 1
        known = _remembered[base] = np.multiply.accumulate(factors)
    return known[:count]


_remembered: dict[int, Uint64s] = {}


@cache
def _tables() -> tuple[npt.NDArray[np.uint32], Bools]:
    lower = np.arange(_CODES, dtype=np.uint32)
    space = np.zeros(_CODES, bool)
    # Upper case and white space end below this code point, but for scripts that nobody writes today.
    for code in range(0x1EFFF):
        character = chr(code)
        lowered = character.lower()
        if len(lowered) == 1:
            lower[code] = ord(lowered)
        space[code] = character.isspace()
    return lower, space


@cache
def _kinds() -> npt.NDArray[np.uint8]:
    import regex

    every = "".join(map(chr, [*range(0xD800), *range(0xE000, _LAST_WORD)]))
    table = np.zeros(_LAST_WORD + 1, np.uint8)
    for kind, pattern in (
        (IN_WORD, r"[\p{L}\p{M}\p{N}]"),
        (ALONE, rf"[{_UNSPACED}--[\p{{P}}\p{{S}}\p{{Z}}\p{{C}}]]"),
    ):
        found = regex.compile(pattern, regex.VERSION1).findall(every)
        table[np.frombuffer("".join(found).encode("utf-32-le"), np.uint32)] = kind
    return table


def kinds_of(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
    """SEPARATOR, IN_WORD (letters, marks, digits) or ALONE (the same, in scripts written without spaces)."""
    return _kinds()[np.minimum(codes, _LAST_WORD)]


def lower(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Each code point in lower case, where its lower case is one code point."""
    return _tables()[0][codes]


def is_space(codes: npt.NDArray[np.uint32]) -> Bools:
    """Which code points are white space."""
    return _tables()[1][codes]
