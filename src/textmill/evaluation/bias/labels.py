"""Whether the labels of a task set are spread alike over languages, sources, and rows that name a group.

A classifier learns what its rows show: if reviews that mention women are mostly negative, `she` is a feature.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from textmill.corpus.identity.finders import finder_of
from textmill.corpus.identity.lexicon import LANGUAGES, load_lexicon
from textmill.corpus.identity.mentions import blocks
from textmill.corpus.shards import read_table
from textmill.errors import UserError
from textmill.evaluation.bias.intervals import benjamini_hochberg, newcombe, wilson
from textmill.evaluation.bias.parity import figure, share
from textmill.files import read_json

SPLITS = ("train", "validation", "test")
BLOCK_BYTES = 4 << 20
PERMUTATIONS = 9999
_SEED = 0
"""Of the permutations of Fisher's test on larger tables: a fixed one, for nothing else is drawn here."""


def label_balance(
    tasks: str | os.PathLike[str], languages: Sequence[str], confidence: float, min_rows: int
) -> dict[str, Any]:
    """Label balance of every task below the directory `tasks`.

    Args:
        tasks: holds a folder per task, with a Parquet file per split and task.json.
        languages: of the lexicons to look for groups with.
        confidence: of the intervals.
        min_rows: rows that must name a group, and that must not, before its labels are compared.

    Raises:
        UserError: a split is missing, damaged, or lacks a column.

    Returns:
        ``tasks``: per task its kind, rows, labels (overall and by split, with intervals) and groups named;
        ``comparisons``: one row per task and group, language, source or split, with p (chi-square, or
        Fisher's exact test where a count below 5 is expected), p adjusted over all of them
        (Benjamini–Hochberg), Cramér's V, and the label whose share differs most.
    """
    folders = sorted(path for path in Path(tasks).glob("*") if (path / "task.json").is_file())
    found = [_task(folder, languages, confidence, min_rows) for folder in folders]
    rows = [row for _, rows in found for row in rows]
    for row, p in zip(rows, benjamini_hochberg([row["p"] for row in rows]), strict=True):
        row["p_adjusted"], row["p"] = float(f"{p:.4g}"), float(f"{row['p']:.4g}")
    return {"tasks": {folder.name: task for folder, (task, _) in zip(folders, found, strict=True)},
            "comparisons": rows}  # fmt: skip


def _task(
    folder: Path, languages: Sequence[str], confidence: float, min_rows: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    kind = read_json(folder / "task.json").get("kind")
    table = _rows(folder)
    report: dict[str, Any] = {"kind": kind, "rows": table.num_rows}
    named = group_mentions(table["input"], table["input_lang"], languages)
    report["groups"] = [
        {"language": language, "axis": axis, "group": group, "rows": int(column.sum())}
        for (language, axis, group), column in named.items()
        if column.any()
    ]
    if kind != "classification":
        return report, []
    label = table["target"].combine_chunks().dictionary_encode()
    labels = label.dictionary.to_pylist()
    order = sorted(range(len(labels)), key=lambda place: str(labels[place]))
    rank = np.argsort(order)
    codes = rank[label.indices.to_numpy()]
    names = [str(labels[place]) for place in order]
    report["labels"] = _distribution(codes, names, confidence)
    report["splits"] = {
        split: _distribution(codes[_equals(table["split"], split)], names, confidence) for split in SPLITS
    }
    parts: list[tuple[dict[str, str], npt.NDArray[np.bool_]]] = [
        ({"kind": "group", "language": language, "axis": axis, "group": group}, column)
        for (language, axis, group), column in named.items()
    ]
    for kind_of, column in (("language", "input_lang"), ("source", "source"), ("split", "split")):
        values = sorted(set(table[column].to_pylist()))
        if len(values) > 1:
            parts += [({"kind": kind_of, kind_of: value}, _equals(table[column], value)) for value in values]
    rows = [
        {"task": folder.name, **about, **compare(codes, inside, names, confidence)}
        for about, inside in parts
        if min(inside.sum(), (~inside).sum()) >= min_rows
    ]
    return report, rows


def _rows(folder: Path) -> pa.Table:
    columns = ["id", "input", "target", "source", "input_lang"]
    parts = []
    for split in SPLITS:
        path = folder / f"{split}.parquet"
        table = read_table(path, columns)
        missing = [name for name in columns if name not in table.column_names]
        if missing:
            raise UserError(
                f"{path}: expected the columns {', '.join(columns)}; {missing[0]} is missing. Run the stage "
                f"tasks@{folder.name} again."
            )
        parts.append(table.append_column("split", pa.array([split] * table.num_rows, pa.string())))
    return pa.concat_tables(parts)


def _equals(column: pa.ChunkedArray, value: str) -> npt.NDArray[np.bool_]:
    return np.asarray(pc.fill_null(pc.equal(column, value), False))


def group_mentions(
    texts: pa.ChunkedArray, langs: pa.ChunkedArray, languages: Sequence[str]
) -> dict[tuple[str, str, str], npt.NDArray[np.bool_]]:
    """Which rows name which group: bool[rows] per (language, axis, group), in lexicon order.

    A row is read with the lexicon of its language; one without a language with all of them.
    """
    found: dict[tuple[str, str, str], npt.NDArray[np.bool_]] = {}
    for language in languages:
        lexicon = load_lexicon(language)
        finder = finder_of(lexicon)
        others = [name for name in LANGUAGES if name != language]
        rows = np.flatnonzero(~np.asarray(pc.is_in(langs, pa.array(others, pa.string()))))
        member = np.zeros((len(texts), len(lexicon.groups)), dtype=bool)
        chosen = pa.chunked_array([texts.combine_chunks().take(pa.array(rows))]).cast(pa.large_string())
        for chunk in chosen.chunks:
            for start, run in blocks(chunk, BLOCK_BYTES):
                mentions = finder.find(run)
                where, group = np.nonzero(lexicon.in_group[mentions.term])
                document = mentions.document[mentions.sentence[where]]
                member[rows[start + document], group] = True
        for index, (axis, name) in enumerate(lexicon.groups):
            found[language, axis, name] = member[:, index]
    return found


def _distribution(codes: npt.NDArray[np.int64], names: list[str], confidence: float) -> list[dict[str, Any]]:
    counts = np.bincount(codes, minlength=len(names))
    return [
        {"label": name, "rows": int(count), "share": share(int(count), int(counts.sum()), confidence)}
        if counts.sum()
        else {"label": name, "rows": 0, "share": figure(0.0, wilson(0, 0))}
        for name, count in zip(names, counts, strict=True)
    ]


def compare(
    codes: npt.NDArray[np.int64], inside: npt.NDArray[np.bool_], names: list[str], confidence: float
) -> dict[str, Any]:
    """Are labels spread alike over the rows `inside` and the others?

    Args:
        codes: int64[rows], the label of each.
        inside: bool[rows].
        names: of the labels.
    """
    table = np.stack(
        [np.bincount(codes[inside], minlength=len(names)), np.bincount(codes[~inside], minlength=len(names))]
    )
    used = table[:, table.sum(axis=0) > 0]
    n1, n2 = (int(n) for n in table.sum(axis=1))
    shares = table / table.sum(axis=1, keepdims=True)
    most = int(np.argmax(np.abs(shares[0] - shares[1])))
    test, p, v = independence(used)
    return {
        "rows": n1,
        "rows_others": n2,
        "test": test,
        "p": p,
        "cramers_v": round(v, 4),
        "label": names[most],
        "share": share(int(table[0, most]), n1, confidence),
        "share_others": share(int(table[1, most]), n2, confidence),
        "difference": figure(
            float(shares[0, most] - shares[1, most]),
            newcombe(int(table[0, most]), n1, int(table[1, most]), n2, confidence),
        ),
    }


def independence(table: npt.NDArray[np.int64]) -> tuple[str, float, float]:
    """Name and p of a test that rows and columns are independent, and Cramér's V.

    Chi-square without correction where every expected count is 5 or more, else Fisher's exact test, for
    tables larger than two by two by permutations of a fixed seed.
    """
    from scipy import stats

    if table.shape[1] < 2 or table.sum(axis=1).min() == 0:
        return "none", 1.0, 0.0
    expected = stats.contingency.expected_freq(table)
    statistic = float(((table - expected) ** 2 / expected).sum())
    v = float(np.sqrt(statistic / table.sum() / min(table.shape[0] - 1, table.shape[1] - 1)))
    if expected.min() >= 5:
        freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
        return "chi_square", float(stats.chi2.sf(statistic, freedom)), v
    if table.shape == (2, 2):
        return "fisher", float(stats.fisher_exact(table).pvalue), v
    draws = stats.MonteCarloMethod(n_resamples=PERMUTATIONS, rng=np.random.default_rng(_SEED))
    return "fisher_monte_carlo", float(stats.fisher_exact(table, method=draws).pvalue), v
