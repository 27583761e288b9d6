"""Weights and copies of the corpus, and what they change: the stage mitigate."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from textmill.config.mitigate import Mitigate
from textmill.corpus.identity.finders import Finder, finder_of
from textmill.corpus.identity.lexicon import load_lexicon
from textmill.corpus.identity.mentions import blocks
from textmill.corpus.mitigation.counterfactual import Augmenter, copy_id
from textmill.corpus.mitigation.reweigh import Patterns, chosen_groups, raked
from textmill.corpus.shards import DOCUMENT, ShardWriter, read_batches, write_table
from textmill.evaluation.bias.association import association
from textmill.evaluation.bias.counting import LanguageCounts
from textmill.evaluation.bias.fates import KEPT
from textmill.evaluation.bias.representation import representation

BLOCK_BYTES = 4 << 20
WEIGHTS = pa.schema([("id", pa.string()), ("weight", pa.float32())])
UNWEIGHED = -1


@dataclass
class _Language:
    """One language: what is counted in it before and after, and the patterns of groups its documents name."""

    before: LanguageCounts
    after: LanguageCounts
    finder: Finder
    axes: list[list[int]]
    groups: list[int]
    patterns: Patterns
    counts: list[int] = field(default_factory=list)


class _Corpus:
    """The training documents, each with its copy if it has one, in batches."""

    def __init__(self, train: str | os.PathLike[str], settings: Mitigate, seed: int):
        self.train, self.augmenter = train, Augmenter(settings.counterfactual, seed)

    def batches(self) -> Iterator[tuple[pa.RecordBatch, npt.NDArray[np.int64], pa.RecordBatch, pa.Array]]:
        """Documents; which of them have a copy; the copies; texts in which a copy follows its original.

        A document and its copy are one piece of evidence: they are counted together, as one cluster.
        """
        for batch in read_batches(self.train, DOCUMENT.names):
            where, copies = self.augmenter.copies(batch)
            texts = batch["text"].to_pylist()
            for place, copy in zip(where.tolist(), copies["text"].to_pylist(), strict=True):
                texts[place] = f"{texts[place]}\n{copy}"
            yield batch, where, copies, pa.array(texts, pa.large_string())


def mitigate_corpus(
    train: str | os.PathLike[str],
    target: str | os.PathLike[str],
    settings: Mitigate,
    seed: int,
    advance: Callable[[int], None] = lambda documents: None,
) -> dict[str, Any]:
    """Write weights and copies of the documents of `train` to the directory `target`, and measure the change.

    Args:
        train: directory of document shards.
        target: gets ``augmented/part-*.parquet`` (documents; no shard where nothing is copied) and
            ``weights.parquet`` (id, weight float32; documents it does not name weigh 1).
        settings: which mitigations.
        seed: chooses the documents that are copied, where not all are.
        advance: told how many documents were read.

    Returns:
        For JSON: ``corpus``, ``mix`` (shares of languages and sources), ``representation`` and
        ``association``, each row with the measure `before` and `after`.

    Raises:
        UserError: the params name an axis or group that no lexicon has.
    """
    folder = Path(target)
    if not settings.changes_corpus:
        write_table(folder / "weights.parquet", pa.table({"id": [], "weight": []}, schema=WEIGHTS))
        return {"corpus": None, "mix": {}, "representation": [], "association": []}
    languages: dict[str, _Language] = {name: _language(name, settings) for name in settings.languages}
    corpus = _Corpus(train, settings, seed)
    numbers = _look(corpus, languages, folder, advance)
    weights: dict[str, npt.NDArray[np.float64]] = {
        name: raked(
            each.patterns.named,
            np.array(each.counts),
            each.axes,
            settings.reweight.max_weight,
            settings.reweight.min_documents,
        )
        for name, each in languages.items()
        if each.counts
    }
    mix = _weigh(corpus, languages, numbers, weights, folder, advance)
    return {
        **mix,
        "representation": _compared(
            languages, lambda counts: representation(counts, settings.confidence), ("axis_share", "documents")
        ),
        "association": _compared(
            languages,
            lambda counts: association(
                counts, settings.confidence, settings.prior_words, settings.min_documents
            ),
            ("log_odds", "low", "high", "count", "p_adjusted"),
        ),
    }


def _language(name: str, settings: Mitigate) -> _Language:
    lexicon = load_lexicon(name)
    chosen = chosen_groups(lexicon, settings.reweight.axes, "mitigate.reweight.axes")
    groups = sorted({group for members in chosen.values() for group in members})
    axes = [[groups.index(group) for group in members] for members in chosen.values() if members]
    return _Language(
        LanguageCounts(lexicon),
        LanguageCounts(lexicon),
        finder_of(lexicon),
        axes,
        groups,
        Patterns(len(groups)),
    )


def _look(
    corpus: _Corpus, languages: dict[str, _Language], folder: Path, advance: Callable[[int], None]
) -> list[npt.NDArray[np.int32]]:
    """Write the copies, count before, and note the pattern of every document, batch by batch."""
    noted = []
    with ShardWriter(folder / "augmented", DOCUMENT) as writer:
        for batch, _, copies, joined in corpus.batches():
            if len(copies):
                writer.write(copies)
            number = np.full(len(batch), UNWEIGHED, np.int32)
            for name, language in languages.items():
                for rows, run in _runs(batch["lang"], batch["text"], name):
                    _add(language.before, language.finder, run, np.ones(len(rows)))
                for rows, run in _runs(batch["lang"], joined, name):
                    if language.groups:
                        number[rows] = _patterns(language, run)
            noted.append(number)
            advance(len(batch))
    return noted


def _runs(langs: pa.Array, texts: pa.Array, language: str) -> Iterator[tuple[npt.NDArray[np.int64], Any]]:
    rows = np.flatnonzero(pc.fill_null(pc.equal(langs, language), False).to_numpy(zero_copy_only=False))
    chosen = texts.take(pa.array(rows))
    for start, run in blocks(chosen, BLOCK_BYTES):
        yield rows[start : start + len(run)], run


def _add(counts: LanguageCounts, finder: Finder, texts: Any, weight: npt.NDArray[np.float64]) -> None:
    nowhere = np.zeros(len(texts), np.int64)
    counts.add(finder.find(texts), nowhere + KEPT, nowhere, [""], weight)


def _patterns(language: _Language, texts: Any) -> npt.NDArray[np.int64]:
    mentions = language.finder.find(texts)
    named = np.zeros((mentions.documents, len(language.groups)), bool)
    where, group = np.nonzero(language.before.lexicon.in_group[mentions.term][:, language.groups])
    named[mentions.document[mentions.sentence[where]], group] = True
    numbers = language.patterns.number(named)
    language.counts.extend([0] * (numbers.max(initial=-1) + 1 - len(language.counts)))
    for number, count in enumerate(np.bincount(numbers)):
        language.counts[number] += int(count)
    return numbers


def _weigh(
    corpus: _Corpus,
    languages: dict[str, _Language],
    numbers: list[npt.NDArray[np.int32]],
    weights: dict[str, npt.NDArray[np.float64]],
    folder: Path,
    advance: Callable[[int], None],
) -> dict[str, Any]:
    """Write the weights, of copies too, count after, and say what became of the mix."""
    ids: list[str] = []
    values: list[float] = []
    mix = _Mix()
    for (batch, where, _, joined), number in zip(corpus.batches(), numbers, strict=True):
        weight = np.ones(len(batch))
        for name, language in languages.items():
            for rows, run in _runs(batch["lang"], joined, name):
                chosen = number[rows]
                weight[rows] = np.where(chosen >= 0, weights[name][chosen], 1.0) if name in weights else 1.0
                # What is written is float32; what is measured must be what is written.
                weight[rows] = weight[rows].astype(np.float32)
                _add(language.after, language.finder, run, weight[rows])
        changed = np.flatnonzero(weight != 1)
        names = batch["id"].take(pa.array(changed)).to_pylist()
        copied = set(where.tolist())
        ids += names + [copy_id(name) for name, place in zip(names, changed, strict=True) if place in copied]
        values += weight[changed].tolist() + [weight[place] for place in changed if place in copied]
        mix.add(batch, weight, where)
        advance(len(batch))
    write_table(
        folder / "weights.parquet",
        pa.table([pa.array(ids, pa.string()), pa.array(values, pa.float32())], schema=WEIGHTS),
    )
    return mix.report(len(ids))


class _Mix:
    """How the shares of languages and sources shift when documents are weighed and copied."""

    def __init__(self) -> None:
        self.documents = self.copies = 0
        self.total = self.squares = 0.0
        self.least, self.most = np.inf, 0.0
        self.sums: dict[str, dict[str, list[float]]] = {"languages": {}, "sources": {}}

    def add(
        self, batch: pa.RecordBatch, weight: npt.NDArray[np.float64], copied: npt.NDArray[np.int64]
    ) -> None:
        times = weight.copy()
        times[copied] *= 2
        self.documents += len(batch)
        self.copies += len(copied)
        self.total += float(weight.sum())
        self.squares += float((weight**2).sum())
        self.least = min(self.least, float(weight.min(initial=np.inf)))
        self.most = max(self.most, float(weight.max(initial=0.0)))
        for key, column in (("languages", "lang"), ("sources", "source")):
            encoded = pc.fill_null(batch[column], "").dictionary_encode()
            codes = encoded.indices.to_numpy()
            for place, name in enumerate(encoded.dictionary.to_pylist()):
                sums = self.sums[key].setdefault(name or "unknown", [0.0, 0.0])
                sums[0] += float((codes == place).sum())
                sums[1] += float(times[codes == place].sum())

    def report(self, weighed: int) -> dict[str, Any]:
        after = sum(sums[1] for sums in self.sums["languages"].values())
        return {
            "corpus": {
                "documents": self.documents,
                "copies": self.copies,
                "weighed": weighed,
                "expected_documents": round(after, 1),
                "effective_documents": round(self.total**2 / self.squares, 1) if self.squares else 0.0,
                "smallest_weight": round(self.least, 4) if self.documents else None,
                "largest_weight": round(self.most, 4) if self.documents else None,
            },
            "mix": {
                key: {
                    name: {
                        "documents": round(before),
                        "before": round(before / max(self.documents, 1), 6),
                        "after": round(new / after, 6) if after else 0.0,
                    }
                    for name, (before, new) in sorted(sums.items())
                }
                for key, sums in self.sums.items()
            },
        }


def _compared(
    languages: dict[str, _Language],
    measure: Callable[[LanguageCounts], list[dict[str, Any]]],
    shown: tuple[str, ...],
) -> list[dict[str, Any]]:
    """Rows of a measure, with what it was and what it is; rows that both lack are left out."""
    labels = ("language", "axis", "group", "attribute")
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for language in languages.values():
        for when, counts in (("before", language.before), ("after", language.after)):
            for row in measure(counts):
                key = tuple(str(row.get(label, "")) for label in labels)
                held = rows.setdefault(
                    key,
                    {label: row[label] for label in labels if label in row} | {"before": None, "after": None},
                )
                if row.get(shown[0]) is not None:
                    held[when] = {name: row[name] for name in shown}
    return [row for row in rows.values() if row["before"] or row["after"]]
