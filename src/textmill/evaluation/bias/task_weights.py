"""Weights of a task's training rows under which its labels do not depend on which groups a row names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.config.mitigate import Mitigate
from textmill.corpus.identity.lexicon import load_lexicon
from textmill.corpus.mitigation.reweigh import chosen_groups, reweighed
from textmill.corpus.shards import read_table, write_table
from textmill.errors import UserError
from textmill.evaluation.bias.intervals import newcombe
from textmill.evaluation.bias.labels import compare, group_mentions, independence
from textmill.evaluation.bias.parity import figure
from textmill.files import read_json

WEIGHTS = pa.schema([("id", pa.string()), ("weight", pa.float32())])


def weigh_tasks(
    tasks: str | os.PathLike[str], target: str | os.PathLike[str], settings: Mitigate
) -> dict[str, Any]:
    """Write `target`/TASK.parquet (id, weight float32, mean one) for each task of the params.

    Returns:
        Per task: ``rows``, Cramér's V of labels and groups `before` and `after`, and ``groups``: for each,
            the label whose share differs most from the other rows', with that difference before and after.

    Raises:
        UserError: no such task, it has no labels, or an axis or group that no lexicon has.
    """
    report = {}
    for name in settings.task_weights.tasks:
        folder = Path(tasks) / name
        if not (folder / "task.json").is_file():
            known = ", ".join(sorted(path.parent.name for path in Path(tasks).glob("*/task.json"))) or "none"
            raise UserError(f"params.yaml: mitigate.task_weights.tasks: no task {name!r}. Known: {known}.")
        if read_json(folder / "task.json").get("kind") != "classification":
            raise UserError(
                f"params.yaml: mitigate.task_weights.tasks: {name} has no labels; expected a task of "
                "classification."
            )
        table = read_table(folder / "train.parquet", ["id", "input", "target", "input_lang"])
        weights, report[name] = _weigh(table, settings)
        write_table(
            Path(target) / f"{name}.parquet",
            pa.table([table["id"].combine_chunks(), pa.array(weights, pa.float32())], schema=WEIGHTS),
        )
    return report


def _weigh(table: pa.Table, settings: Mitigate) -> tuple[npt.NDArray[np.float64], dict[str, Any]]:
    wanted = {
        (language, *lexicon.groups[group])
        for language in settings.languages
        for lexicon in [load_lexicon(language)]
        for members in chosen_groups(
            lexicon, settings.task_weights.axes, "mitigate.task_weights.axes"
        ).values()
        for group in members
    }
    mentions = group_mentions(table["input"], table["input_lang"], settings.languages)
    named = {key: column for key, column in mentions.items() if key in wanted}
    names, codes = np.unique(np.array(table["target"].to_pylist(), object).astype(str), return_inverse=True)
    pattern = np.zeros(table.num_rows, np.int64)
    if named:
        _, pattern = np.unique(np.stack(list(named.values()), axis=1), axis=0, return_inverse=True)
        pattern = pattern.reshape(-1)
    weights = reweighed(pattern, codes, settings.task_weights.min_rows)
    weights = weights.astype(np.float32).astype(np.float64)
    rows = [
        {
            "language": language,
            "axis": axis,
            "group": group,
            **_change(codes, column, weights, names, settings),
        }
        for (language, axis, group), column in named.items()
        if min(column.sum(), (~column).sum()) >= settings.task_weights.min_rows
    ]
    return weights, {
        "rows": table.num_rows,
        "before": {"cramers_v": round(_association(pattern, codes, np.ones(len(codes))), 4)},
        "after": {"cramers_v": round(_association(pattern, codes, weights), 4)},
        "smallest_weight": round(float(weights.min()), 4),
        "largest_weight": round(float(weights.max()), 4),
        "groups": rows,
    }


def _association(
    pattern: npt.NDArray[np.int64], codes: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]
) -> float:
    table = np.zeros((pattern.max() + 1, codes.max() + 1))
    np.add.at(table, (pattern, codes), weights)
    return independence(table)[2]


def _change(
    codes: npt.NDArray[np.int64],
    inside: npt.NDArray[np.bool_],
    weights: npt.NDArray[np.float64],
    names: npt.NDArray[Any],
    settings: Mitigate,
) -> dict[str, Any]:
    before = compare(codes, inside, names.tolist(), settings.confidence)
    label = codes == names.tolist().index(before["label"])
    parts = []
    for side in (inside, ~inside):
        total, squares = weights[side].sum(), (weights[side] ** 2).sum()
        # Weighted rows are worth fewer than they are many (Kish 1965).
        worth = total**2 / squares
        parts += [float(weights[side & label].sum() / total * worth), float(worth)]
    value = parts[0] / parts[1] - parts[2] / parts[3]
    return {
        "rows": before["rows"],
        "label": before["label"],
        "before": before["difference"],
        "after": figure(float(value), newcombe(parts[0], parts[1], parts[2], parts[3], settings.confidence)),
    }
