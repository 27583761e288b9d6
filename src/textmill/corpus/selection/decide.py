"""Apply the rules to the catalogue: on request, empty, language, contamination, quality, duplicates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.config.select import Select
from textmill.corpus.selection.catalogue import Catalogue, Verdict
from textmill.corpus.selection.rules import Failures, Rule
from textmill.errors import UserError


def drop_excluded(catalogue: Catalogue, params: Select) -> list[str]:
    """Drop the documents that the params list; returns listed ids that no document has."""
    if not params.rules.exclude or not params.exclude:
        return []
    places = catalogue.find(pa.array(params.exclude))
    catalogue.drop(np.unique(places[places >= 0]), Verdict("exclude", "select", "not listed"))
    return [name for name, place in zip(params.exclude, places, strict=True) if place < 0]


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


def drop_contaminated(catalogue: Catalogue, overlaps: pa.Table, params: Select) -> None:
    """Drop documents that hold more of an evaluation row than is allowed, task by task."""
    if not params.rules.contamination:
        return
    places = catalogue.find(overlaps["id"])
    _same_documents(places, overlaps, "contamination")
    fraction = overlaps["fraction"].to_numpy()
    over = fraction > np.float32(params.max_contamination)
    tasks = np.array(overlaps["task"].to_pylist(), object)
    matched = np.array(overlaps["matched_id"].to_pylist(), object)
    for task in sorted(set(tasks.tolist())):
        chosen = over & (tasks == task)
        catalogue.drop(
            places[chosen],
            Verdict(f"contamination.{task}", "contamination", f"<= {params.max_contamination:g}"),
            fraction[chosen].astype(np.float64),
            matched[chosen].tolist(),
        )


def drop_low_quality(catalogue: Catalogue, rules: Sequence[Rule], failures: Failures) -> None:
    """Drop documents that fail a quality rule."""
    for number, rule in enumerate(rules):
        failing = failures.rule == number
        for threshold in np.unique(failures.threshold[failing]).tolist():
            documents = np.flatnonzero(failing & (failures.threshold == threshold))
            verdict = Verdict(rule.name, "annotate", rule.wanted(threshold))
            catalogue.drop(documents, verdict, failures.value[documents])


def drop_duplicates(catalogue: Catalogue, duplicates: pa.Table, params: Select) -> npt.NDArray[np.int64]:
    """Of the documents of a cluster that are left, keep the longest, then of the first source, then of the
    smallest id.

    Returns:
        For each document the number of its cluster, int64; documents without duplicates are alone in theirs.
    """
    places = catalogue.find(duplicates["id"])
    _same_documents(places, duplicates, "duplicates")
    cluster = np.arange(len(catalogue))
    cluster[places] = catalogue.find(duplicates["cluster"])
    if not params.rules.duplicates or not len(places):
        return cluster
    left = np.flatnonzero(catalogue.kept[places])
    documents = places[left]
    order = np.lexsort(
        (
            catalogue.ids[documents],
            catalogue.source[documents],
            -catalogue.characters[documents],
            cluster[documents],
        )
    )
    left, documents = left[order], documents[order]
    first = np.ones(len(documents), bool)
    first[1:] = cluster[documents[1:]] != cluster[documents[:-1]]
    kept = left[first][np.cumsum(first) - 1]
    _drop_for(catalogue, duplicates, left[~first], kept[~first], places)
    return cluster


def _drop_for(
    catalogue: Catalogue,
    duplicates: pa.Table,
    dropped: npt.NDArray[np.int64],
    kept: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
) -> None:
    """Drop rows of `duplicates` in favour of others of its rows."""
    identical = np.array(duplicates["identical"].to_pylist(), "S32")
    ids = np.array(duplicates["id"].to_pylist(), "S32")
    representative = np.array(duplicates["representative"].to_pylist(), "S32")
    jaccard = duplicates["jaccard"].to_numpy().astype(np.float64)
    same = identical[dropped] == identical[kept]
    # Similarity is known between a document and the representative of its cluster, whichever of them is kept.
    value = np.where(representative[kept] == ids[kept], jaccard[dropped], np.nan)
    value = np.where(representative[dropped] == ids[dropped], jaccard[kept], value)
    value = np.where(same, 1.0, value)
    for exact, name in ((True, "duplicates.exact"), (False, "duplicates.near")):
        rows = np.flatnonzero(same == exact)
        catalogue.drop(
            places[dropped[rows]],
            Verdict(name, "dedup", "one per cluster"),
            value[rows],
            [each.decode() for each in ids[kept[rows]]],
        )


def _same_documents(places: npt.NDArray[np.int64], table: pa.Table, stage: str) -> None:
    unknown = np.flatnonzero(places < 0)
    if len(unknown):
        raise UserError(
            f"data/{stage}: document {table['id'][int(unknown[0])].as_py()} is not in data/clean. "
            "Run the stage that wrote it again."
        )
