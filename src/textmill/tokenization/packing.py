"""Token shards: the ids of many documents in one flat file, and where each document starts.

`part-NNNNN.bin` holds little-endian uint16 ids, each document followed by `<eos>`; `part-NNNNN.idx` holds
little-endian uint64 offsets (in ids) of the document starts, plus the end. `part-NNNNN.r1.bin` … hold the
second and further copies of documents that are repeated.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from textmill.errors import UserError
from textmill.files import replacing
from textmill.tokenization.special import EOS

Packed = tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint64]]
"""Ids of documents, `<eos>` behind each, and where each starts, plus the end."""


def with_ends(ids: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]) -> Packed:
    """Put `<eos>` behind every document; offsets count the added ids."""
    documents = len(offsets) - 1
    bounds = offsets + np.arange(documents + 1)
    packed = np.empty(len(ids) + documents, np.uint16)
    ends = bounds[1:] - 1
    keep = np.ones(len(packed), bool)
    keep[ends] = False
    packed[keep] = ids
    packed[ends] = EOS
    return packed, bounds.astype(np.uint64)


def chosen(packed: Packed, keep: npt.NDArray[np.bool_]) -> Packed:
    """Only the documents where `keep` (documents,) is true."""
    ids, bounds = packed
    starts = bounds.astype(np.int64)
    lengths = starts[1:] - starts[:-1]
    return ids[np.repeat(keep, lengths)], np.concatenate([[0], np.cumsum(lengths[keep])]).astype(np.uint64)


def joined(pieces: Sequence[Packed]) -> Packed:
    """The documents of all `pieces` in order."""
    if len(pieces) == 1:
        return pieces[0]
    if not pieces:
        return np.empty(0, np.uint16), np.zeros(1, np.uint64)
    starts = np.cumsum([0, *(len(ids) for ids, _ in pieces)], dtype=np.uint64)
    bounds = [bounds[:-1] + start for (_, bounds), start in zip(pieces, starts[:-1], strict=True)]
    return np.concatenate([ids for ids, _ in pieces]), np.concatenate([*bounds, starts[-1:]])


def write_shard(
    path: str | os.PathLike[str], ids: npt.NDArray[np.uint16], bounds: npt.NDArray[np.uint64]
) -> None:
    """Write `path` (`….bin`), then its index beside it: an index proves a whole shard."""
    final = Path(path)
    for target, array, kind in ((final, ids, "<u2"), (final.with_suffix(".idx"), bounds, "<u8")):
        with replacing(target) as temporary:
            # ndarray.tofile does not say that the disk is full, only how many numbers it wrote.
            temporary.write_bytes(array.astype(kind, copy=False).data)


@dataclass(frozen=True)
class TokenShards:
    """The shards of a split, memory-mapped.

    Attributes:
        ids: per shard, uint16 token ids of shape (tokens,).
        bounds: per shard, int64 document starts and the end, of shape (documents + 1,).
    """

    ids: Sequence[npt.NDArray[np.uint16]]
    bounds: Sequence[npt.NDArray[np.int64]]

    @property
    def tokens(self) -> int:
        """Tokens in all shards, `<eos>` included."""
        return sum(len(shard) for shard in self.ids)

    @property
    def documents(self) -> int:
        """Documents in all shards."""
        return sum(len(bounds) - 1 for bounds in self.bounds)


def shard_files(directory: str | os.PathLike[str]) -> list[Path]:
    """The token files of a split in the order in which `open_shards` gives them."""
    return sorted(Path(directory).glob("part-*.bin"))


def open_shards(directory: str | os.PathLike[str]) -> TokenShards:
    """Map the token shards of a split.

    Raises:
        UserError: no shard is there, an index is missing, or a file and its index disagree in length.
    """
    folder = Path(directory)
    paths = shard_files(folder)
    if not paths:
        raise UserError(
            f"{folder}: expected token shards part-00000.bin …, found none. Run the tokenize stage."
        )
    ids, bounds = [], []
    for path in paths:
        index = path.with_suffix(".idx")
        if not index.is_file():
            raise UserError(f"{index}: not found; expected the document starts of {path.name}.")
        starts = np.fromfile(index, "<u8").astype(np.int64)
        size = path.stat().st_size
        if not len(starts) or size != 2 * starts[-1]:
            expected = 2 * int(starts[-1]) if len(starts) else 0
            raise UserError(f"{path}: expected {expected:,} bytes by its index {index.name}, found {size:,}.")
        ids.append(np.memmap(path, "<u2", "r") if size else np.empty(0, np.uint16))
        bounds.append(starts)
    return TokenShards(ids, bounds)
