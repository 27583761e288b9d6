"""The longest text that a model's output shares word for word with any training document.

Hashes of all windows of a few bytes find where a match may begin; it is then followed byte by byte, so what
is reported is equal, not only alike by hash. Memory is that of the outputs and of one chunk of documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
_CHUNK = 1 << 22
_PAIRS = 1 << 20
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
# Bytes that UTF-8 never has: nothing matches across documents or outputs.
_OUTPUT_END, _DOCUMENT_END = b"\xff", b"\xfe"


class Overlap(NamedTuple):
    """What an output shares: `characters` (code points) of `text`."""

    characters: int
    text: str


def longest_overlaps(outputs: Sequence[str], chunks: Iterable[bytes], least_bytes: int = 16) -> list[Overlap]:
    """The longest run of bytes that each output shares with a document; empty below `least_bytes`.

    Args:
        outputs: texts.
        chunks: of `joined_documents`.
        least_bytes: a power of two, 2 at least.
    """
    data = np.frombuffer(_OUTPUT_END.join(text.encode() for text in outputs) + _OUTPUT_END, np.uint8)
    ends = np.flatnonzero(data == 0xFF)
    hashes = window_hashes(data, least_bytes)
    order = np.argsort(hashes, kind="stable")
    index = (hashes[order], order)
    length, place = np.zeros(len(outputs), np.int64), np.zeros(len(outputs), np.int64)
    for chunk in chunks if len(hashes) else ():
        text = np.frombuffer(chunk, np.uint8)
        for there, here in _candidates(text, data, index, least_bytes):
            found = _followed(text, there, data, here)
            owner = np.searchsorted(ends, here)
            best = np.lexsort((-here, found, owner))
            last = best[np.append(np.flatnonzero(np.diff(owner[best])), len(best) - 1)] if len(best) else best
            better = last[found[last] > np.maximum(length[owner[last]], least_bytes - 1)]
            length[owner[better]], place[owner[better]] = found[better], here[better]
    texts = [
        data[start : start + size].tobytes().decode(errors="ignore")
        for start, size in zip(place.tolist(), length.tolist(), strict=True)
    ]
    return [Overlap(len(text), text) for text in texts]


def joined_documents(texts: Iterable[str]) -> Iterator[bytes]:
    """Documents as bytes in chunks of a few megabytes, the ends of documents marked."""
    held, size = [], 0
    for text in texts:
        held.append(text.encode())
        size += len(held[-1])
        if size >= _CHUNK:
            yield _DOCUMENT_END.join(held) + _DOCUMENT_END
            held, size = [], 0
    if held:
        yield _DOCUMENT_END.join(held) + _DOCUMENT_END


def window_hashes(data: Bytes, size: int) -> npt.NDArray[np.uint64]:
    """A hash of each window of `size` bytes (a power of two), by doubling: uint64[len(data) - size + 1]."""
    hashes = data.astype(np.uint64) + np.uint64(1)
    width = 1
    while width < size:
        left = hashes[: max(len(hashes) - width, 0)]
        left = (left ^ (left >> np.uint64(29))) * _MULTIPLIER
        hashes = left + hashes[width:]
        width *= 2
    return hashes


def _candidates(
    text: Bytes, data: Bytes, index: tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]], size: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Pairs of places, in a chunk and in the outputs, where equal windows begin that do not begin earlier."""
    known, places = index
    hashes = window_hashes(text, size)
    possible = np.zeros(1 << 20, bool)
    possible[known >> np.uint64(44)] = True
    maybe = np.flatnonzero(possible[hashes >> np.uint64(44)])
    first = np.searchsorted(known, hashes[maybe], "left")
    count = np.searchsorted(known, hashes[maybe], "right") - first
    hit = count > 0
    maybe, first, count = maybe[hit], first[hit], count[hit]
    bounds = np.cumsum(count)
    start = 0
    while start < len(maybe):
        done = bounds[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(bounds, done + _PAIRS, "right")))
        sizes = count[start:stop]
        there = np.repeat(maybe[start:stop], sizes)
        within = np.arange(len(there)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        here = places[np.repeat(first[start:stop], sizes) + within]
        # A match that begins one byte earlier was followed from there.
        fresh = (there == 0) | (here == 0) | (text[there - 1] != data[here - 1])
        yield there[fresh], here[fresh]
        start = stop


def _followed(
    text: Bytes, there: npt.NDArray[np.int64], data: Bytes, here: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """How many bytes are equal from each pair of places on; ends differ, so each match ends."""
    length = np.zeros(len(there), np.int64)
    active = np.arange(len(there))
    while len(active):
        a, b = there[active] + length[active], here[active] + length[active]
        inside = (a < len(text)) & (b < len(data))
        active, a, b = active[inside], a[inside], b[inside]
        active = active[text[a] == data[b]]
        length[active] += 1
    return length
