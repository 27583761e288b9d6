"""The one place where documents are dropped."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.config.select import Select
from textmill.corpus.selection import decide
from textmill.corpus.selection.catalogue import Catalogue, CatalogueBuilder, aligned_shards
from textmill.corpus.selection.funnel import dropped_by_rule, funnel
from textmill.corpus.selection.ledger import ledger_of
from textmill.corpus.selection.rules import Failures, Rule, check_signals, first_failures, rules_of
from textmill.corpus.selection.splits import validation_documents
from textmill.corpus.shards import DOCUMENT, ShardWriter, read_batches, read_table
from textmill.errors import UserError
from textmill.files import replacing_directory


@dataclass(frozen=True)
class Selection:
    """What was decided.

    Attributes:
        ledger: of schema `LEDGER`.
        funnel: for reports/corpus.json.
        kept, validation: bool, one per document.
        notes: for the person watching.
    """

    ledger: pa.Table
    funnel: dict[str, Any]
    kept: npt.NDArray[np.bool_]
    validation: npt.NDArray[np.bool_]
    notes: list[str]


def select(data: str | os.PathLike[str], params: Select, seed: int) -> Selection:
    """Decide which documents are kept. Texts are not read.

    The order of the rules: exclude, empty, language, contamination, the quality rules as params lists them,
    duplicates. The ledger names the first that fails.

    Args:
        data: directory that holds clean, signals, duplicates and contamination.
        params: thresholds and which rules are in force.
        seed: of the split.

    Raises:
        UserError: a rule asks for a signal that does not exist, the inputs do not belong together, or nothing
            is left.
    """
    folder = Path(data)
    rules = rules_of(params)
    catalogue, failures = _read(folder, rules)
    if not len(catalogue):
        raise UserError(
            f"{folder}/clean holds no document, so there is nothing to select. Look at params.yaml: ingest."
        )
    unknown = decide.drop_excluded(catalogue, params)
    decide.drop_empty(catalogue, params)
    decide.drop_languages(catalogue, params)
    overlaps = read_table(folder / "contamination" / "contamination.parquet")
    decide.drop_contaminated(catalogue, overlaps, params)
    decide.drop_low_quality(catalogue, rules, failures)
    duplicates = read_table(folder / "duplicates" / "duplicates.parquet")
    cluster = decide.drop_duplicates(catalogue, duplicates, params)
    _check_left(catalogue)
    validation = validation_documents(catalogue, cluster, params.validation_fraction, seed)
    return Selection(
        ledger=ledger_of(catalogue),
        funnel=funnel(catalogue, validation),
        kept=catalogue.kept,
        validation=validation,
        notes=_notes(catalogue, params, unknown),
    )


def _read(folder: Path, rules: list[Rule]) -> tuple[Catalogue, Failures]:
    builder, found = CatalogueBuilder(), []
    for documents, signals in aligned_shards(folder / "clean", folder / "signals"):
        where = f"{folder}/signals"
        check_signals(rules, signals.column_names, where)
        if "characters" not in signals.column_names:
            raise UserError(
                f"{where}: expected a column characters, found {', '.join(signals.column_names)}."
            )
        characters = signals["characters"].to_numpy().astype(np.int64)
        source, lang = builder.add(documents, characters)
        found.append(first_failures(rules, signals, source, lang, builder.sources, builder.langs))
    failures = Failures(
        np.concatenate([each.rule for each in found]),
        np.concatenate([each.value for each in found]),
        np.concatenate([each.threshold for each in found]),
    )
    return builder.build(), failures


def _check_left(catalogue: Catalogue) -> None:
    if catalogue.kept.any():
        return
    dropped = dropped_by_rule(catalogue, np.ones(len(catalogue), bool))
    worst = max(dropped, key=lambda row: row["documents"])
    raise UserError(
        f"params.yaml: select: no document is left of {len(catalogue):,}. The rule {worst['rule']} dropped "
        f"most, {worst['documents']:,}; loosen it, or switch it off under select.rules."
    )


def _notes(catalogue: Catalogue, params: Select, unknown: list[str]) -> list[str]:
    notes = []
    if unknown:
        notes.append(f"select.exclude: {len(unknown):,} ids are of no document, the first is {unknown[0]}")
    absent = sorted(set(params.by_source) - set(catalogue.sources))
    if absent:
        known = ", ".join(catalogue.sources)
        notes.append(f"select.by_source: no document is from {', '.join(absent)}; the sources are {known}")
    return notes


def write_corpus(
    clean: str | os.PathLike[str],
    corpus: str | os.PathLike[str],
    selection: Selection,
    advance: Callable[[int], None] = lambda documents: None,
) -> None:
    """Write the kept documents of `clean` as shards to `corpus`/train and `corpus`/validation, in order."""
    with (
        replacing_directory(corpus) as folder,
        ShardWriter(folder / "train", DOCUMENT) as train,
        ShardWriter(folder / "validation", DOCUMENT) as validation,
    ):
        start = 0
        for batch in read_batches(clean, DOCUMENT.names):
            stop = start + batch.num_rows
            held_out = selection.validation[start:stop]
            for writer, chosen in (
                (train, selection.kept[start:stop] & ~held_out),
                (validation, held_out),
            ):
                part = batch.filter(pa.array(chosen))
                if part.num_rows:
                    writer.write(
                        pa.RecordBatch.from_arrays([part[name] for name in DOCUMENT.names], schema=DOCUMENT)
                    )
            start = stop
            advance(batch.num_rows)
