"""Rows of a task as token ids, and the batches of every step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from textmill.corpus.shards import read_table
from textmill.errors import UserError
from textmill.training.padding import pad_rows
from textmill.training.randomness import generator

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Ids = npt.NDArray[np.int64]
_ORDER = 5
BUCKET_BATCHES = 32


@dataclass(frozen=True)
class Rows:
    """A split of a task: input and target strings of equal number, and the file they come from."""

    inputs: list[str]
    targets: list[str]
    path: Path


def read_rows(directory: str | os.PathLike[str], split: str) -> Rows:
    """Read `input` and `target` of a split.

    Raises:
        UserError: the file is missing, a column is missing, the split is empty, or a cell is null.
    """
    path = Path(directory) / f"{split}.parquet"
    table = read_table(path, ["input", "target"])
    missing = {"input", "target"} - set(table.column_names)
    if missing:
        raise UserError(
            f"{path}: expected columns input and target, found {', '.join(table.column_names) or 'none'}."
        )
    if not table.num_rows:
        raise UserError(
            f"{path}: expected rows to learn from, found none. The {split} split of the task is empty."
        )
    for name in ("input", "target"):
        if table[name].null_count:
            row = pc.index(pc.is_null(table[name]), True).as_py()
            raise UserError(f"{path}: row {row}: expected text in column {name}, found null.")
    return Rows(table["input"].to_pylist(), table["target"].to_pylist(), path)


def read_row_weights(rows: Path, weights: str | os.PathLike[str], task: str) -> npt.NDArray[np.float64]:
    """The weight of each training row, mean one.

    Args:
        rows: train.parquet of the task.
        weights: has TASK.parquet with the columns id and weight.
        task: the task's name.

    Raises:
        UserError: the task was not weighed, or its rows are no longer those that were.
    """
    path = Path(weights) / f"{task}.parquet"
    if not path.is_file():
        raise UserError(
            f"{path}: not found; `row_weights: true` needs {task} among the tasks of params.yaml: "
            "mitigate.task_weights."
        )
    found = read_table(path, ["id", "weight"])
    if found["id"].to_pylist() != read_table(rows, ["id"])["id"].to_pylist():
        raise UserError(
            f"{path}: expected the weights of the rows of {rows}; run the stage task_weights again."
        )
    return found["weight"].to_numpy().astype(np.float64)


def label_numbers(train: Rows, validation: Rows) -> tuple[list[str], Ids, Ids]:
    """The labels of a classification task, sorted, and each row's number for both splits.

    Raises:
        UserError: training has fewer than two labels, or validation has one that training never shows.
    """
    labels = sorted(set(train.targets))
    if len(labels) < 2:
        raise UserError(
            f"{train.path}: expected at least two labels to tell apart, found only {labels[0]!r}."
        )
    numbers = {label: number for number, label in enumerate(labels)}
    for row, label in enumerate(validation.targets):
        if label not in numbers:
            raise UserError(
                f"{validation.path}: row {row}: expected one of the labels seen in training "
                f"({', '.join(map(repr, labels[:20]))}), found {label!r}."
            )
    in_train, in_validation = (
        np.array([numbers[label] for label in rows.targets]) for rows in (train, validation)
    )
    return labels, in_train, in_validation


def encode(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], longest: int) -> list[list[int]]:
    """Token ids of each text as the model's own tokenizer frames it, cut to `longest` tokens."""
    return tokenizer(list(texts), truncation=True, max_length=longest, return_attention_mask=False)[
        "input_ids"
    ]


class Examples:
    """Encoded rows, dealt out in batches of similar length as a pure function of (seed, step)."""

    def __init__(
        self, inputs: list[list[int]], targets: list[list[int]] | Ids, batch: int, pad: int, seed: int
    ):
        """Args: ids of inputs; ids of targets, or class numbers; rows of a batch; the pad id; the seed."""
        self.inputs, self.targets, self.batch, self.pad, self.seed = inputs, targets, batch, pad, seed
        lengths = np.array([len(row) for row in inputs], np.int64)
        if not isinstance(targets, np.ndarray):
            lengths += np.array([len(row) for row in targets], np.int64)
        self._lengths = lengths
        self.batches_per_epoch = -(-len(inputs) // batch)
        self._epoch = lru_cache(maxsize=2)(self._draw_epoch)

    def _draw_epoch(self, epoch: int) -> list[Ids]:
        """Shuffle, sort by length within buckets of many batches, cut into batches, shuffle those."""
        random = generator(self.seed, _ORDER, epoch)
        order = random.permutation(len(self.inputs))
        bucket = np.arange(len(order)) // (self.batch * BUCKET_BATCHES)
        order = order[np.lexsort((self._lengths[order], bucket))]
        cuts = [order[start : start + self.batch] for start in range(0, len(order), self.batch)]
        return [cuts[number] for number in random.permutation(len(cuts))]

    def step(self, step: int) -> tuple[Ids, Ids, Ids]:
        """Inputs, attention and labels of a step: (rows, length), and (rows,) or (rows, target length)."""
        return self._batch(self.rows(step))

    def chosen(self, rows: Ids) -> tuple[Ids, Ids, Ids]:
        """Inputs, attention and labels of `rows` (their numbers in the split), as those of `step`."""
        return self._batch(rows)

    def rows(self, step: int) -> Ids:
        """The numbers of the rows of a step, in their order in the split."""
        return self._epoch(step // self.batches_per_epoch)[step % self.batches_per_epoch]

    def in_order(self) -> list[tuple[Ids, Ids, Ids]]:
        """Every row once, shortest first, in batches like those of `step`."""
        return [self._batch(rows) for rows in self.rows_in_order()]

    def rows_in_order(self) -> list[Ids]:
        """The numbers of the rows in the batches of `in_order`."""
        order = np.argsort(self._lengths, kind="stable")
        return [order[start : start + self.batch] for start in range(0, len(order), self.batch)]

    def _batch(self, rows: Ids) -> tuple[Ids, Ids, Ids]:
        inputs, attention = pad_rows([self.inputs[row] for row in rows], self.pad)
        if isinstance(self.targets, np.ndarray):
            return inputs, attention, self.targets[rows]
        labels, _ = pad_rows([self.targets[row] for row in rows], is_label=True)
        return inputs, attention, labels
