"""Apply the rules to the catalogue: on request, empty, language, contamination, quality, duplicates, mix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.config.select import Select
from textmill.corpus.selection.catalogue import Catalogue, Verdict, hex_ids
from textmill.corpus.selection.duplicates import drop_duplicates
from textmill.corpus.selection.mix import drop_for_mix
from textmill.corpus.selection.rules import Failures, Rule
from textmill.corpus.shards import read_table
from textmill.errors import UserError


@dataclass(frozen=True)
class Findings:
    """What contamination and dedup found, and which document each row is about.

    Attributes:
        overlaps, duplicates: as those stages wrote them.
        overlapping, duplicated: int64, for each row its document.
        cluster: int64, each document's cluster; documents without duplicates are alone in theirs.
        data: where they were read, and where spans to cut are.
    """

    overlaps: pa.Table
    overlapping: npt.NDArray[np.int64]
    duplicates: pa.Table
    duplicated: npt.NDArray[np.int64]
    cluster: npt.NDArray[np.int64]
    data: Path

    @classmethod
    def read(cls, data: Path, catalogue: Catalogue) -> Findings:
        """Read what lies below `data`.

        Raises:
            UserError: a file is missing or damaged, or is about a document that is not in the catalogue.
        """
        overlaps = read_table(data / "contamination" / "contamination.parquet")
        duplicates = read_table(data / "duplicates" / "duplicates.parquet")
        overlapping, duplicated = catalogue.find(overlaps["id"]), catalogue.find(duplicates["id"])
        _same_documents(overlapping, overlaps, "contamination")
        _same_documents(duplicated, duplicates, "duplicates")
        cluster = np.arange(len(catalogue))
        cluster[duplicated] = catalogue.find(duplicates["cluster"])
        return cls(overlaps, overlapping, duplicates, duplicated, cluster, data)


def decide(
    catalogue: Catalogue,
    rules: Sequence[Rule],
    failures: Failures,
    findings: Findings,
    listed: Sequence[str],
    params: Select,
    seed: int,
) -> list[str]:
    """Apply every rule, in the order of the funnel, to a catalogue in which nothing is decided.

    Args:
        catalogue: all documents.
        rules, failures: the quality rules in force, and the first that each document fails.
        findings: overlaps and duplicates.
        listed: ids of documents to leave out.
        params: thresholds and which rules are in force.
        seed: of the mix.

    Returns:
        Those of `listed` that no document has.

    Raises:
        UserError: the shares of the mix leave nothing.
    """
    unknown = drop_excluded(catalogue, listed, params)
    drop_empty(catalogue, params)
    drop_languages(catalogue, params)
    drop_contaminated(catalogue, findings, params)
    drop_low_quality(catalogue, rules, failures)
    if params.rules.duplicates:
        drop_duplicates(
            catalogue, findings.duplicates, findings.duplicated, findings.cluster, params.duplicates
        )
    drop_for_mix(catalogue, params, seed)
    return unknown


def drop_excluded(catalogue: Catalogue, listed: Sequence[str], params: Select) -> list[str]:
    """Drop the documents whose ids are `listed`; returns listed ids that no document has."""
    if not params.rules.exclude or not listed:
        return []
    places = catalogue.find(pa.array(listed))
    catalogue.drop(np.unique(places[places >= 0]), Verdict("exclude", "select", "not listed"))
    return [name for name, place in zip(listed, places, strict=True) if place < 0]


def drop_empty(catalogue: Catalogue, params: Select) -> None:
    """Drop documents of no character."""
    if params.rules.empty:
        empty = np.flatnonzero(catalogue.characters == 0)
        catalogue.drop(empty, Verdict("empty", "clean", ">= 1"), np.zeros(len(empty)))


def drop_languages(catalogue: Catalogue, params: Select) -> None:
    """Drop documents in languages that are not listed, unless their source says not to look."""
    if not params.rules.language:
        return
    wanted = np.array([lang in params.languages for lang in catalogue.langs], bool)
    exempt = np.array([_any_language(params, source) for source in catalogue.sources], bool)
    others = np.flatnonzero(~wanted[catalogue.lang] & ~exempt[catalogue.source])
    catalogue.drop(others, Verdict("language", "clean", ", ".join(params.languages)))


def _any_language(params: Select, source: str) -> bool:
    return source in params.by_source and params.by_source[source].any_language


def drop_contaminated(catalogue: Catalogue, findings: Findings, params: Select) -> None:
    """Drop documents that hold more of an evaluation row than is allowed, set by set."""
    if not params.rules.contamination:
        return
    overlaps, places = findings.overlaps, findings.overlapping
    fraction = overlaps["fraction"].to_numpy()
    over = fraction > np.float32(params.max_contamination)
    tasks = overlaps["task"].to_numpy()
    matched = hex_ids(overlaps["matched_id"])
    for task in sorted(set(tasks.tolist())):
        chosen = over & (tasks == task)
        catalogue.drop(
            places[chosen],
            Verdict(f"contamination.{task}", "contamination", f"<= {params.max_contamination:g}"),
            fraction[chosen].astype(np.float64),
            matched[chosen],
        )


def drop_low_quality(catalogue: Catalogue, rules: Sequence[Rule], failures: Failures) -> None:
    """Drop documents that fail a quality rule."""
    for number, rule in enumerate(rules):
        failing = failures.rule == number
        for threshold in np.unique(failures.threshold[failing]).tolist():
            documents = np.flatnonzero(failing & (failures.threshold == threshold))
            verdict = Verdict(rule.name, rule.stage, rule.wanted(threshold))
            catalogue.drop(documents, verdict, failures.value[documents])


def _same_documents(places: npt.NDArray[np.int64], table: pa.Table, stage: str) -> None:
    unknown = np.flatnonzero(places < 0)
    if len(unknown):
        raise UserError(
            f"data/{stage}: document {table['id'][int(unknown[0])].as_py()} is not in data/clean. "
            "Run the stage that wrote it again."
        )
