"""The one place where documents are dropped."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.config.select import Select
from textmill.corpus.selection.catalogue import (
    Catalogue,
    CatalogueBuilder,
    aligned_shards,
    counts_of,
    scores_of,
)
from textmill.corpus.selection.cuts import Cutter, Spans, drop_cut_short, ledger_of_cuts, read_spans
from textmill.corpus.selection.decide import Findings, decide
from textmill.corpus.selection.exclusions import excluded_ids
from textmill.corpus.selection.funnel import dropped_by_rule, funnel
from textmill.corpus.selection.ledger import ledger_of, unreadable_of
from textmill.corpus.selection.mix import unknown_names
from textmill.corpus.selection.rules import Failures, Rule, Trials, check_signals, joined, rules_of
from textmill.corpus.selection.splits import validation_documents
from textmill.corpus.shards import DOCUMENT, ShardWriter, read_batches, read_schema, shard_paths
from textmill.errors import UserError
from textmill.files import replacing_directory


@dataclass(frozen=True)
class Selection:
    """What was decided.

    Attributes:
        ledger: of schema `CODED`: the dropped documents, then what ingest could not read.
        funnel: for reports/corpus.json.
        kept, validation: bool, one per document.
        cuts: spans to cut out of kept documents.
        cut: what each rule cuts, of schema `CUT`.
        notes: for the person watching.
    """

    ledger: pa.Table
    funnel: dict[str, Any]
    kept: npt.NDArray[np.bool_]
    validation: npt.NDArray[np.bool_]
    cuts: Spans
    cut: pa.Table
    notes: list[str]


@dataclass(frozen=True)
class Settled:
    """Which documents are held out, what to cut out of kept ones, and excluded ids that no document has."""

    validation: npt.NDArray[np.bool_]
    cuts: Spans
    unknown: list[str]


def select(data: str | os.PathLike[str], params: Select, seed: int) -> Selection:
    """Decide which documents are kept. Texts are not read.

    The order of the rules: exclude, empty, language, contamination, the quality rules as params lists them,
    duplicates, mix, and what cuts leave too short. The ledger names the first that fails.

    Args:
        data: directory that holds clean, signals, duplicates, contamination and raw/unreadable.parquet.
        params: thresholds and which rules are in force.
        seed: of the mix and the split.

    Raises:
        UserError: a rule asks for a signal that does not exist, the inputs do not belong together, or nothing
            is left.
    """
    folder = Path(data)
    rules = rules_of(params)
    catalogue, (failures,) = read_evidence(folder, [rules])
    findings = Findings.read(folder, catalogue)
    settled = settle(catalogue, rules, failures, findings, params, seed)
    unreadable = unreadable_of(folder / "raw" / "unreadable.parquet")
    cut = ledger_of_cuts(settled.cuts, catalogue)
    counts = funnel(catalogue, settled.validation) | _by_source(unreadable) | _cut_counts(cut)
    return Selection(
        ledger=pa.concat_tables([ledger_of(catalogue), unreadable]),
        funnel=counts,
        kept=catalogue.kept,
        validation=settled.validation,
        cuts=settled.cuts,
        cut=cut,
        notes=_notes(catalogue, params, settled.unknown),
    )


def settle(
    catalogue: Catalogue,
    rules: Sequence[Rule],
    failures: Failures,
    findings: Findings,
    params: Select,
    seed: int,
) -> Settled:
    """Decide, cut and split a catalogue in which nothing is decided.

    Raises:
        UserError: the exclusion list or the spans to cut cannot be read, or too little is left to split.
    """
    listed = excluded_ids(params.exclude, params.exclude_file)
    unknown = decide(catalogue, rules, failures, findings, listed, params, seed)
    cuts = drop_cut_short(catalogue, read_spans(findings.data, catalogue, params.cuts), params.cuts)
    _check_left(catalogue)
    validation = validation_documents(catalogue, findings.cluster, params.validation_fraction, seed)
    return Settled(validation, cuts, unknown)


def _cut_counts(cut: pa.Table) -> dict[str, Any]:
    """What was cut, for the funnel: by rule documents, spans and characters; nothing if nothing was."""
    if not cut.num_rows:
        return {}
    sums = cut.group_by("rule").aggregate([("id", "count"), ("spans", "sum"), ("characters", "sum")])
    names = {"rule": "rule", "id_count": "documents", "spans_sum": "spans", "characters_sum": "characters"}
    rows = [{names[key]: value for key, value in row.items()} for row in sums.to_pylist()]
    return {"cut": sorted(rows, key=lambda row: row["rule"])}


def read_evidence(folder: Path, rule_sets: Sequence[Sequence[Rule]]) -> tuple[Catalogue, list[Failures]]:
    """Read documents and signals once, and try several sets of rules on them.

    Returns:
        The catalogue, and for each set of rules the first that each document fails.

    Raises:
        UserError: a rule asks for a signal that does not exist, there is no document, or signals and
            documents do not belong together.
    """
    where = folder / "signals"
    counts = [*counts_of(shard_paths(folder / "clean")[0]), *scores_of(folder / "quality")]
    for path in shard_paths(where):
        _check_columns([*read_schema(path).names, *counts], rule_sets, str(where))
    builder = CatalogueBuilder()
    found: list[list[Failures]] = [[] for _ in rule_sets]
    columns = ["characters", *(rule.signal for rules in rule_sets for rule in rules)]
    for documents, signals in aligned_shards(folder / "clean", where, columns):
        characters = signals["characters"].to_numpy().astype(np.int64)
        source, lang = builder.add(documents, characters)
        trials = Trials(signals, source, lang, builder.sources, builder.langs)
        for rules, parts in zip(rule_sets, found, strict=True):
            parts.append(trials.first_failures(rules))
    catalogue = builder.build()
    if not len(catalogue):
        raise UserError(
            f"{folder}/clean holds no document, so there is nothing to select. Look at params.yaml: ingest."
        )
    return catalogue, [joined(parts) for parts in found]


def _check_columns(columns: Sequence[str], rule_sets: Sequence[Sequence[Rule]], where: str) -> None:
    for rules in rule_sets:
        check_signals(rules, columns, where)
    if "characters" not in columns:
        raise UserError(f"{where}: expected a column characters, found {', '.join(columns)}.")


def _check_left(catalogue: Catalogue) -> None:
    if catalogue.kept.any():
        return
    dropped = dropped_by_rule(catalogue)
    worst = max(dropped, key=lambda row: row["documents"])
    raise UserError(
        f"params.yaml: select: no document is left of {len(catalogue):,}. The rule {worst['rule']} dropped "
        f"most, {worst['documents']:,}; loosen it, or switch it off under select.rules."
    )


def _by_source(rows: pa.Table) -> dict[str, dict[str, int]]:
    """How many rows each source has, under ``unreadable``; nothing where there are none."""
    counts = {
        row["values"]: row["counts"] for row in rows["source"].cast(pa.string()).value_counts().to_pylist()
    }
    return {"unreadable": counts} if counts else {}


def _notes(catalogue: Catalogue, params: Select, unknown: list[str]) -> list[str]:
    notes = []
    if unknown:
        where = "select.exclude" + (f" and {params.exclude_file}" if params.exclude_file else "")
        notes.append(f"{where}: {len(unknown):,} ids are of no document, the first is {unknown[0]}")
    absent = sorted(set(params.by_source) - set(catalogue.sources))
    if absent:
        known = ", ".join(catalogue.sources)
        notes.append(f"select.by_source: no document is from {', '.join(absent)}; the sources are {known}")
    strangers = [name for name in params.duplicates.prefer if name not in catalogue.sources]
    if strangers:
        notes.append(f"select.duplicates.prefer: no document is from {', '.join(strangers)}")
    unmixed = unknown_names(catalogue, params)
    if unmixed:
        notes.append(f"no document is of {', '.join(unmixed)}")
    return notes


def write_corpus(
    clean: str | os.PathLike[str],
    corpus: str | os.PathLike[str],
    selection: Selection,
    advance: Callable[[int], None] = lambda documents: None,
) -> None:
    """Write the kept documents of `clean`, without what is cut, to `corpus`/train and `corpus`/validation."""
    cutter = Cutter(selection.cuts)
    with (
        replacing_directory(corpus) as folder,
        ShardWriter(folder / "train", DOCUMENT) as train,
        ShardWriter(folder / "validation", DOCUMENT) as validation,
    ):
        start = 0
        for batch in read_batches(clean, DOCUMENT.names):
            stop = start + batch.num_rows
            held_out = selection.validation[start:stop]
            place = DOCUMENT.names.index("text")
            batch = batch.set_column(place, "text", cutter(batch.column("text"), start))
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
