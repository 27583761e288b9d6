"""The n-grams of all rows that must stay unseen, indexed by hash."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from textmill.config.contamination import Contamination
from textmill.corpus.shingles import Bools, Int64s, Tokens, Uint64s, ngrams, tokens

FILTER_BITS = 24


@dataclass(frozen=True)
class Rows:
    """The n-grams of all texts that must stay unseen, sorted by hash.

    Attributes:
        sets: names of tasks and sets, in ascending order.
        table: the texts, of schema `TEXT`; a text is known by its number in it.
        set: int64, the set of each text, an index into `sets`.
        sizes: int64, how many distinct n-grams each text has.
        tokens: of the texts.
        hashes: uint64, ascending; one entry per distinct n-gram of a text.
        part, first, lengths: int64, for each entry its text, its first token and how many tokens it has.
    """

    sets: tuple[str, ...]
    table: pa.Table
    set: Int64s
    sizes: Int64s
    tokens: Tokens
    hashes: Uint64s
    part: Int64s
    first: Int64s
    lengths: Int64s

    @cached_property
    def possible(self) -> Bools:
        """A table by a hash's upper bits that is False where no entry has these bits."""
        table = np.zeros(1 << FILTER_BITS, bool)
        table[self.hashes >> np.uint64(64 - FILTER_BITS)] = True
        return table


def index_rows(table: pa.Table, params: Contamination) -> Rows:
    """Index the n-grams of texts of schema `TEXT`."""
    table = table.combine_chunks()
    sets = tuple(sorted(set(table["set"].to_pylist())))
    number = {name: place for place, name in enumerate(sets)}
    texts = table["text"].combine_chunks()
    batch = tokens(texts)
    found = ngrams(batch, params.ngram, shorter=True)
    part = np.repeat(np.arange(len(texts)), np.diff(found.offsets))
    usable = np.flatnonzero(found.lengths >= min(params.min_tokens, params.ngram))
    order = usable[np.lexsort((part[usable], found.hashes[usable]))]
    order = order[fresh(found.hashes[order], part[order])]
    return Rows(
        sets=sets,
        table=table,
        set=np.array([number[name] for name in table["set"].to_pylist()], np.int64),
        sizes=np.bincount(part[order], minlength=len(texts)),
        tokens=batch,
        hashes=found.hashes[order],
        part=part[order],
        first=found.first[order],
        lengths=found.lengths[order],
    )


def fresh(*keys: np.ndarray) -> Bools:
    """Where one of the keys, sorted together, differs from the element before."""
    found = np.zeros(len(keys[0]), bool)
    found[:1] = True
    for key in keys:
        found[1:] |= key[1:] != key[:-1]
    return found
