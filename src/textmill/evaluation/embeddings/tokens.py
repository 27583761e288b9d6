"""A sample of a corpus as word numbers, in memory: bounded by the sample, not by the corpus."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from textmill.corpus.shards import read_batches
from textmill.evaluation.embeddings.segmentation import Split


@dataclass(frozen=True)
class Tokens:
    """The words of sampled documents that occur often enough.

    Attributes:
        words: the vocabulary, most frequent first, equally frequent in alphabetical order.
        counts: int64[words].
        ids: int32[tokens], indices into `words`, all sentences one after another.
        bounds: int64[sentences + 1], where each sentence begins, and the end.
        document: int64[sentences], the document of each.
        documents: how many documents were sampled.
    """

    words: list[str]
    counts: npt.NDArray[np.int64]
    ids: npt.NDArray[np.int32]
    bounds: npt.NDArray[np.int64]
    document: npt.NDArray[np.int64]
    documents: int

    def sentences(self) -> Iterator[list[str]]:
        """Each sentence as a list of words."""
        words = np.array(self.words, dtype=object)
        for start, stop in zip(self.bounds[:-1], self.bounds[1:], strict=True):
            yield words[self.ids[start:stop]].tolist()

    def repeated(self, times: npt.NDArray[np.int64]) -> Tokens:
        """Each document as often as `times` (int64[documents]) says, with the same vocabulary."""
        order = np.repeat(np.arange(len(self.document)), times[self.document])
        length = np.diff(self.bounds)[order]
        bounds = np.concatenate(([0], np.cumsum(length)))
        places = np.repeat(self.bounds[order] - bounds[:-1], length) + np.arange(bounds[-1])
        ids = self.ids[places]
        counts = np.bincount(ids, minlength=len(self.words))
        return Tokens(self.words, counts, ids, bounds, self.document[order], self.documents)


def sample(
    batches: Iterable[tuple[pa.Array, pa.Array]], split: Split, min_count: int, max_words: int
) -> Tokens:
    """Read documents as (ids, texts) batches.

    Args:
        batches: the documents, see `chosen_documents`.
        split: a text to its sentences.
        min_count: occurrences that a word needs.
        max_words: words of the vocabulary at most, the most frequent.
    """
    numbers: dict[str, int] = {}
    ids, lengths, owners = array("i"), array("q"), array("q")
    documents = 0
    for _, texts in batches:
        for text in texts.to_pylist():
            for sentence in split(text or ""):
                ids.extend([numbers.setdefault(word, len(numbers)) for word in sentence])
                lengths.append(len(sentence))
                owners.append(documents)
            documents += 1
    found = np.array(ids, np.int32)
    counts = np.bincount(found, minlength=len(numbers))
    names = list(numbers)
    often = [number for number in range(len(names)) if counts[number] >= min_count]
    order = sorted(often, key=lambda number: (-counts[number], names[number]))[:max_words]
    rank = np.full(len(names), -1, np.int32)
    rank[order] = np.arange(len(order))
    ranked = rank[found] if len(names) else found
    owner = np.repeat(np.arange(len(lengths)), np.array(lengths, np.int64))
    kept = ranked >= 0
    length = np.bincount(owner[kept], minlength=len(lengths))
    return Tokens(
        [names[number] for number in order],
        counts[order],
        ranked[kept],
        np.concatenate(([0], np.cumsum(length))),
        np.array(owners, np.int64),
        documents,
    )


def chosen_documents(
    directories: Sequence[str | os.PathLike[str]],
    language: str,
    max_bytes: int,
    seed: int,
    copies: Callable[[pa.RecordBatch], npt.NDArray[np.int64]] | None = None,
) -> Iterator[tuple[pa.Array, pa.Array]]:
    """Ids and texts of a language's documents, about `max_bytes` of text, chosen by hash of id and seed.

    Whether a document is chosen does not depend on its place, nor on which others there are beyond their
    size.

    Args:
        directories: of document shards.
        language: ISO 639-1 code.
        max_bytes: of UTF-8 text.
        seed: of the choice.
        copies: how often each chosen document (columns id, text, source, lang) is given; once if None.
    """
    columns = ["id", "text", "source", "lang"]
    total = 0
    for directory in directories:
        for batch in read_batches(directory, ["text", "lang"]):
            texts = batch["text"].filter(pc.equal(batch["lang"], language))
            total += pc.sum(pc.binary_length(texts)).as_py() or 0
    rate = min(1.0, max_bytes / total) if total else 0.0
    for directory in directories:
        for batch in read_batches(directory, columns):
            mine = batch.filter(pc.equal(batch["lang"], language))
            if rate < 1:
                mine = mine.filter(pa.array(uniform(mine["id"], seed) < rate, pa.bool_()))
            if copies is not None:
                mine = mine.take(pa.array(np.repeat(np.arange(len(mine)), copies(mine))))
            yield mine["id"], mine["text"]


def uniform(ids: pa.Array, seed: int) -> npt.NDArray[np.float64]:
    """A number from 0 to 1 for each id, by its hash under `seed`."""
    keys = [xxhash.xxh3_64_intdigest(name.encode(), seed=seed) for name in ids.to_pylist()]
    return np.array(keys, np.uint64) / np.float64(2**64)
