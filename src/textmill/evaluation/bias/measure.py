"""One pass over the cleaned documents, and the report that follows from it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from textmill.config.bias import Bias
from textmill.corpus.identity.dialects import DialectFinder
from textmill.corpus.identity.finders import finder_of
from textmill.corpus.identity.lexicon import load_lexicon
from textmill.corpus.identity.mentions import blocks
from textmill.corpus.shards import read_batches, read_table
from textmill.errors import UserError
from textmill.evaluation.bias.association import association
from textmill.evaluation.bias.counting import LanguageCounts
from textmill.evaluation.bias.fates import KEPT, Fates, Verdicts
from textmill.evaluation.bias.labels import label_balance
from textmill.evaluation.bias.parity import (
    Column,
    adjusted,
    kept_rows,
    rule_rows,
    slice_rows,
    slice_rule_rows,
)
from textmill.evaluation.bias.representation import representation
from textmill.evaluation.bias.warnings import warnings_of

BLOCK_BYTES = 4 << 20


def measure_bias(
    clean: str | os.PathLike[str],
    corpus: str | os.PathLike[str],
    ledger: str | os.PathLike[str],
    settings: Bias,
    advance: Callable[[int], None] = lambda _: None,
    tasks: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """Measure representation, association, kept-rate parity and, of `tasks`, label balance.

    Args:
        clean: directory of the cleaned documents, kept and dropped.
        corpus: directory with ``train`` and ``validation`` shards of the kept ones.
        ledger: the Parquet file of dropped documents.
        advance: told how many documents were read.
        tasks: directory of the task sets, a folder each.

    Returns:
        The report, ready for JSON; equal inputs give equal reports.

    Raises:
        UserError: a file is missing, or clean, corpus and ledger are not of the same run.
    """
    verdicts = Verdicts(_kept_ids(Path(corpus)), read_table(ledger, ["id", "stage", "rule"]))
    passes = [_LanguagePass(language, len(verdicts.rules) + 1) for language in settings.languages]
    slices = _Slices(len(verdicts.rules) + 1)
    for batch in read_batches(clean, ["id", "text", "source", "lang"]):
        fate = verdicts.find(batch["id"])
        slices.add(batch, fate)
        known = np.where(fate < 0, KEPT, fate)
        encoded = batch["source"].dictionary_encode()
        source, sources = encoded.indices.to_numpy(), encoded.dictionary.to_pylist()
        for each in passes:
            each.add(batch, known, source, sources)
        advance(len(batch))
    slices.check(verdicts, clean)
    report = _report(passes, slices, verdicts.rules, settings)
    if tasks is not None:
        report["labels"] = label_balance(
            tasks, settings.languages, settings.confidence, settings.min_documents
        )
    report["warnings"] = warnings_of(report, settings)
    return report


class _LanguagePass:
    """What is counted in the documents of one language."""

    def __init__(self, language: str, fates: int):
        self.language = language
        self.counts = LanguageCounts(load_lexicon(language), fates)
        self.dialects = DialectFinder(language)
        self.dialect_fates = Fates(len(self.dialects.names), fates)
        self._finder = finder_of(self.counts.lexicon)

    def add(self, batch: pa.RecordBatch, fate: np.ndarray, source: np.ndarray, sources: list[str]) -> None:
        rows = np.flatnonzero(pc.equal(batch["lang"], self.language).to_numpy(zero_copy_only=False))
        texts = batch["text"].take(pa.array(rows))
        for start, run in blocks(texts, BLOCK_BYTES):
            part = rows[start : start + len(run)]
            mentions = self._finder.find(run)
            self.counts.add(mentions, fate[part], source[part], sources)
            units = np.bincount(mentions.document, weights=mentions.units, minlength=len(run))
            shown = self.dialects.find(run)
            self.dialect_fates.add(shown, ~shown, units, fate[part], source[part], sources)

    @property
    def groups(self) -> list[Column]:
        """What the columns of `counts.fates` are."""
        return [
            Column("group", {"language": self.language, "axis": axis, "group": group})
            for axis, group in self.counts.lexicon.groups
        ]

    @property
    def varieties(self) -> list[Column]:
        """What the columns of `dialect_fates` are."""
        return [
            Column("dialect", {"language": self.language, "axis": "dialect", "group": name})
            for name in self.dialects.names
        ]


def _kept_ids(corpus: Path) -> pa.Array:
    parts = [
        batch["id"] for split in ("train", "validation") if (corpus / split).is_dir()
        for batch in read_batches(corpus / split, ["id"])
    ]  # fmt: skip
    if not parts:
        raise UserError(
            f"{corpus}: expected train/ and validation/ with shards, found neither. Run the select stage."
        )
    return pa.concat_arrays(parts)


class _Slices:
    """Documents by fate per language and per source: int64[fates]."""

    def __init__(self, fates: int) -> None:
        self.fates = fates
        self.unknown = 0
        self.counts: dict[str, dict[str, np.ndarray]] = {"lang": {}, "source": {}}

    def add(self, batch: pa.RecordBatch, fate: np.ndarray) -> None:
        self.unknown += int((fate < 0).sum())
        known = np.maximum(fate, KEPT)
        for column, counts in self.counts.items():
            encoded = pc.fill_null(batch[column], "").dictionary_encode()
            codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
            names = encoded.dictionary.to_pylist()
            flat = np.bincount(codes * self.fates + known, minlength=len(names) * self.fates)
            for name, row in zip(names, flat.reshape(len(names), self.fates), strict=True):
                counts[name or "unknown"] = counts.get(name or "unknown", 0) + row

    def check(self, verdicts: Verdicts, clean: Any) -> None:
        """Raises UserError where the documents read are not those that were kept and dropped."""
        seen = sum(int(row.sum()) for row in self.counts["lang"].values())
        if self.unknown or seen != verdicts.kept + verdicts.dropped:
            raise UserError(
                f"{clean}: {seen} documents ({self.unknown} of them in neither), but the corpus holds "
                f"{verdicts.kept} and the ledger {verdicts.dropped}; expected clean = corpus + ledger. They "
                "are not of the same run: run the select stage again."
            )

    def kept(self, language: str) -> int:
        return int(self.counts["lang"][language][KEPT])


def _report(passes: list[_LanguagePass], slices: _Slices, rules: list[str], settings: Bias) -> dict[str, Any]:
    shown = [each for each in passes if each.counts.fates.cells]
    confidence, least = settings.confidence, settings.min_documents
    near = [
        row for each in shown
        for row in association(each.counts, confidence, settings.prior_words, least)
    ]  # fmt: skip
    report = {
        "confidence": confidence,
        "languages": {
            each.language: {
                "documents": round(each.counts.documents),
                "units": round(each.counts.units),
                "unit": "characters" if each.language == "zh" else "words",
                "notes": dict(each.counts.lexicon.notes) | dict(each.dialects.lexicon.notes),
            }
            for each in shown
        },
        "not_measured": {
            language: slices.kept(language) for language in sorted(slices.counts["lang"])
            if language not in settings.languages and slices.kept(language)
        },
        "representation": [row for each in shown for row in representation(each.counts, confidence)],
        "association": near,
        "kept_rate": {
            "groups": [
                row for each in shown for row in kept_rows(each.counts.fates, each.groups, confidence, least)
            ],
            "dialects": [
                row for each in shown
                for row in kept_rows(each.dialect_fates, each.varieties, confidence, least)
            ],
            "languages": slice_rows(slices.counts["lang"], "language", confidence),
            "sources": slice_rows(slices.counts["source"], "source", confidence),
        },
        "rules": _rules(shown, slices, rules, settings),
    }  # fmt: skip
    return report


def _rules(passes: list[_LanguagePass], slices: _Slices, rules: list[str], settings: Bias) -> dict[str, Any]:
    """Which rule drops more of which group, dialect, language and source."""
    confidence, least = settings.confidence, settings.min_documents
    parts = [
        rule_rows(fates, columns, rules, confidence, least)
        for each in passes
        for fates, columns in (
            (each.counts.fates, each.groups),
            (each.dialect_fates, each.varieties),
        )
    ]
    parts += [
        slice_rule_rows(slices.counts[column], kind, rules, confidence)
        for column, kind in (("lang", "language"), ("source", "source"))
    ]
    rows = adjusted([row for found, _ in parts for row in found], confidence, "difference")
    return {"rows": rows, "too_few": sum(few for _, few in parts)}
