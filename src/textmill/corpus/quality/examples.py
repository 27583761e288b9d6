"""The documents to learn from: good ones, and a sample of the rest of the corpus."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from textmill.config.quality import Quality
from textmill.corpus.quality.folds import draws
from textmill.corpus.shards import read_batches
from textmill.errors import UserError

COLUMNS = ("id", "text", "lang")


@dataclass(frozen=True)
class Examples:
    """Documents of one language to learn from, each text once.

    Attributes:
        texts: large_string.
        good: bool, which are good; the others are of the rest of the corpus.
        numbers: uint64, what `draws` says of each.
    """

    texts: pa.Array
    good: npt.NDArray[np.bool_]
    numbers: npt.NDArray[np.uint64]


def gather(
    clean: str | os.PathLike[str], files: str | os.PathLike[str] | None, options: Quality, seed: int
) -> dict[str, Examples]:
    """Collect the examples by language, languages with too few left out.

    The choice depends on texts and seed alone: documents come and go without changing what else is chosen,
    unless a language has more than `options.sample`.

    Args:
        clean: directory of document shards.
        files: directory of cleaned shards of the good set's own files, if it has any.
        options: which documents are good, and how many are taken.
        seed: of the sample.

    Raises:
        UserError: a source or an id of the good set is of no document, or no language has enough.
    """
    if options.good is None:
        raise ValueError("there is no good set")
    chosen = _Chosen(options, seed)
    known: set[str] = set()
    wanted = {*options.good.sources}
    ids = {*options.good.ids}
    for batch in read_batches(clean, [*COLUMNS, "source"]):
        sources = batch["source"].to_pylist()
        known.update(sources)
        good = np.array([source in wanted for source in sources], bool)
        if ids:
            found = [name in ids for name in batch["id"].to_pylist()]
            good |= found
            ids.difference_update(np.array(batch["id"].to_pylist(), object)[found].tolist())
        chosen.add(batch, good)
    _check_names(wanted - known, known, ids)
    for batch in read_batches(files, COLUMNS) if files is not None else ():
        chosen.add(batch, np.ones(batch.num_rows, bool))
    return chosen.examples()


def _check_names(absent: set[str], known: set[str], ids: set[str]) -> None:
    if absent:
        raise UserError(
            f"params.yaml: quality.good.sources: no document is from {', '.join(sorted(absent))}; "
            f"the sources are {', '.join(sorted(known))}."
        )
    if ids:
        raise UserError(
            f"params.yaml: quality.good.ids: {len(ids):,} ids are of no document, the first is {min(ids)}."
        )


class _Chosen:
    """The documents of smallest number, by language and kind; at most twice as many as asked for are held."""

    def __init__(self, options: Quality, seed: int):
        self._options, self._seed = options, seed
        self._held: dict[tuple[str, bool], list[tuple[npt.NDArray[np.uint64], pa.Array]]] = {}
        self._counts: dict[tuple[str, bool], int] = {}

    def add(self, batch: pa.RecordBatch, good: npt.NDArray[np.bool_]) -> None:
        """Take the batch's documents (`id`, `text`, `lang`)."""
        texts = pc.utf8_slice_codeunits(batch["text"].fill_null(""), 0, self._options.max_characters)
        numbers = draws(texts.to_pylist(), self._seed)
        languages = np.array(batch["lang"].fill_null("").to_pylist(), object)
        filled = pc.greater(pc.utf8_length(texts), 0).to_numpy(zero_copy_only=False)
        for language in sorted(set(languages.tolist()) - {""}):
            for kind in (True, False):
                rows = np.flatnonzero((languages == language) & (good == kind) & filled)
                if len(rows):
                    self._put((language, kind), numbers[rows], texts.take(pa.array(rows)))

    def _put(self, key: tuple[str, bool], numbers: npt.NDArray[np.uint64], texts: pa.Array) -> None:
        held = self._held.setdefault(key, [])
        held.append((numbers, texts))
        self._counts[key] = self._counts.get(key, 0) + len(numbers)
        if self._counts[key] > 2 * self._options.sample:
            self._held[key] = [self._smallest(key)]
            self._counts[key] = len(self._held[key][0][0])

    def _smallest(self, key: tuple[str, bool]) -> tuple[npt.NDArray[np.uint64], pa.Array]:
        held = self._held.get(key, [(np.zeros(0, np.uint64), pa.array([], pa.large_string()))])
        numbers = np.concatenate([each for each, _ in held])
        texts = pa.concat_arrays([each for _, each in held])
        distinct, places = np.unique(numbers, return_index=True)
        return distinct[: self._options.sample], texts.take(pa.array(places[: self._options.sample]))

    def examples(self) -> dict[str, Examples]:
        """By language, in alphabetical order.

        Raises:
            UserError: no language has enough documents of either kind.
        """
        found, few = {}, []
        for language in sorted({language for language, _ in self._held}):
            good, other = (self._smallest((language, kind)) for kind in (True, False))
            if len(good[0]):
                few.append(f"{language} {len(good[0]):,} good and {len(other[0]):,} others")
            if min(len(good[0]), len(other[0])) < self._options.min_documents:
                continue
            kinds = np.repeat([True, False], [len(good[0]), len(other[0])])
            texts = pa.concat_arrays([good[1], other[1]])
            found[language] = Examples(texts, kinds, np.concatenate([good[0], other[0]]))
        if not found:
            raise UserError(
                f"params.yaml: quality: expected a language with at least {self._options.min_documents} good "
                f"documents and as many others (quality.min_documents), found "
                f"{'; '.join(few) or 'no good ones'}."
            )
        return found
