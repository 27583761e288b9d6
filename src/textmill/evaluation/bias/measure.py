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
from textmill.corpus.shards import read_batches, read_table
from textmill.errors import UserError
from textmill.evaluation.bias.association import association
from textmill.evaluation.bias.characters import CharacterFinder
from textmill.evaluation.bias.counting import LanguageCounts
from textmill.evaluation.bias.lexicon import load_lexicon
from textmill.evaluation.bias.mentions import blocks
from textmill.evaluation.bias.parity import group_parity, slice_parity
from textmill.evaluation.bias.representation import representation
from textmill.evaluation.bias.words import WordFinder

BLOCK_BYTES = 4 << 20


def measure_bias(
    clean: str | os.PathLike[str],
    corpus: str | os.PathLike[str],
    ledger: str | os.PathLike[str],
    settings: Bias,
    advance: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Measure representation, association and kept-rate parity.

    Args:
        clean: directory of the cleaned documents, kept and dropped.
        corpus: directory with ``train`` and ``validation`` shards of the kept ones.
        ledger: the Parquet file of dropped documents.
        advance: told how many documents were read.

    Returns:
        The report, ready for JSON; equal inputs give equal reports.

    Raises:
        UserError: a file is missing, or clean, corpus and ledger are not of the same run.
    """
    kept_ids = _kept_ids(Path(corpus))
    counts: dict[str, LanguageCounts] = {
        language: LanguageCounts(load_lexicon(language)) for language in settings.languages
    }
    finders = {
        language: CharacterFinder(count.lexicon) if language == "zh" else WordFinder(count.lexicon)
        for language, count in counts.items()
    }
    slices = _Slices()
    for batch in read_batches(clean, ["id", "text", "source", "lang"]):
        kept = pc.is_in(batch["id"], value_set=kept_ids).to_numpy(zero_copy_only=False)
        slices.add(batch, kept)
        encoded = batch["source"].dictionary_encode()
        source, sources = encoded.indices.to_numpy(), encoded.dictionary.to_pylist()
        for language, count in counts.items():
            rows = np.flatnonzero(pc.equal(batch["lang"], language).to_numpy(zero_copy_only=False))
            texts = batch["text"].take(pa.array(rows))
            for start, run in blocks(texts, BLOCK_BYTES):
                part = rows[start : start + len(run)]
                count.add(finders[language].find(run), kept[part], source[part], sources)
        advance(len(batch))
    _check_run(slices, len(kept_ids), read_table(ledger, ["id"]).num_rows, clean)
    return _report(counts, slices, settings)


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
    """Documents seen and kept per language and per source."""

    def __init__(self) -> None:
        self.seen: dict[str, dict[str, int]] = {"lang": {}, "source": {}}
        self.kept: dict[str, dict[str, int]] = {"lang": {}, "source": {}}

    def add(self, batch: pa.RecordBatch, kept: np.ndarray) -> None:
        for column in ("lang", "source"):
            for into, values in (
                (self.seen, batch[column]),
                (self.kept, batch[column].filter(pa.array(kept))),
            ):
                for entry in pc.value_counts(values).to_pylist():
                    key = entry["values"] or "unknown"
                    into[column][key] = into[column].get(key, 0) + entry["counts"]


def _check_run(slices: _Slices, kept: int, dropped: int, clean: Any) -> None:
    seen, matched = sum(slices.seen["lang"].values()), sum(slices.kept["lang"].values())
    if matched != kept or seen != kept + dropped:
        raise UserError(
            f"{clean}: {seen} documents, but the corpus holds {kept} ({matched} of them found here) and the "
            f"ledger {dropped}; expected clean = corpus + ledger. They are not of the same run: run the "
            "select stage again."
        )


def _report(counts: dict[str, LanguageCounts], slices: _Slices, settings: Bias) -> dict[str, Any]:
    shown = [count for count in counts.values() if count.seen]
    groups = [
        row for count in shown for row in group_parity(count, settings.confidence, settings.min_documents)
    ]
    near = [
        row for count in shown
        for row in association(count, settings.confidence, settings.prior_words, settings.min_documents)
    ]  # fmt: skip
    report = {
        "confidence": settings.confidence,
        "languages": {
            count.lexicon.language: {
                "documents": count.documents,
                "units": count.units,
                "unit": "characters" if count.lexicon.language == "zh" else "words",
            }
            for count in shown
        },
        "not_measured": {
            language: n for language, n in sorted(slices.kept["lang"].items()) if language not in counts
        },
        "representation": [row for count in shown for row in representation(count, settings.confidence)],
        "association": near,
        "kept_rate": {
            "groups": groups,
            "languages": slice_parity(
                slices.seen["lang"], slices.kept["lang"], "language", settings.confidence
            ),
            "sources": slice_parity(
                slices.seen["source"], slices.kept["source"], "source", settings.confidence
            ),
        },
    }
    report["warnings"] = _warnings(groups, near, settings)
    return report


def _warnings(
    groups: list[dict[str, Any]], near: list[dict[str, Any]], settings: Bias
) -> list[dict[str, Any]]:
    """Findings that are both beyond chance (adjusted) and large enough to matter (params)."""
    found: list[dict[str, Any]] = []
    for row in groups:
        value = row["stratified"]["value"]
        if row["p_adjusted"] < settings.false_discovery_rate and abs(value) >= settings.warn_kept_difference:
            verb = "more" if value < 0 else "less"
            found.append(
                {
                    "kind": "kept_rate",
                    **{key: row[key] for key in ("language", "axis", "group")},
                    "value": value,
                    "limit": settings.warn_kept_difference,
                    "message": f"{row['language']}: documents that name {row['group']} ({row['axis']}) are "
                    f"dropped {verb} often than like documents that name no group: kept rate {value:+.1%}.",
                }
            )
    for row in near:
        if (
            row["p_adjusted"] < settings.false_discovery_rate
            and abs(row["log_odds"]) >= settings.warn_log_odds
        ):
            verb = "nearer to" if row["log_odds"] > 0 else "farther from"
            found.append(
                {
                    "kind": "association",
                    **{key: row[key] for key in ("language", "axis", "group", "attribute")},
                    "value": row["log_odds"],
                    "limit": settings.warn_log_odds,
                    "message": f"{row['language']}: {row['attribute']} terms stand {verb} {row['group']} "
                    f"({row['axis']}) than to the other groups: log-odds {row['log_odds']:+.2f}.",
                }
            )
    return found
