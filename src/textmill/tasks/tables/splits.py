"""Clean rows, drop what contradicts or repeats, and split the rest so that nothing alike straddles splits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

import xxhash

from textmill.config.tasks import BaseTask
from textmill.errors import UserError
from textmill.modeling.conversations import words_said
from textmill.modeling.targets import labels_of
from textmill.tasks.tables.groups import groups, likeness_key
from textmill.tasks.tables.kinds import cleaned_row
from textmill.tasks.tables.row import SPLITS, Row, Table

LARGE_GROUP = 0.05
"""A group above this part of the test rows goes to training: it would outweigh the rest of the test."""


def cleaned(table: Table, clean: Callable[[str], str]) -> Table:
    """The table with `clean` applied to inputs, and to targets that are texts; see `kinds.cleaned_row`.

    Rows that are left without text are dropped, and those whose target no longer fits.
    """
    rows = []
    dropped = Counter(table.dropped)
    for row in table.rows:
        text, target = cleaned_row(table.kind, row, clean)
        if target is None:
            dropped["target no longer fits the cleaned input"] += 1
        elif text.strip() and target.strip():
            rows.append(row._replace(input=text, target=target))
        else:
            dropped["empty after cleaning"] += 1
    return Table(table.kind, rows, table.input_lang, table.target_lang, dropped)


def consistent(table: Table) -> Table:
    """The table without repeated and without contradictory rows.

    Classification, of one label or many: inputs that are equal but for case, digits and signs and have
    different labels are all dropped. Others: of equal inputs the most frequent target stays (the first in
    sort order where two are equally frequent). Of rows that agree the first stays. Rows with a prescribed
    split are compared in it.
    """
    classification = table.kind in ("classification", "multilabel")
    targets: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in table.rows:
        targets[_identity(row, classification)][row.target] += 1
    dropped = Counter(table.dropped)
    kept: list[Row] = []
    seen: set[tuple[str, str]] = set()
    for row in table.rows:
        identity = _identity(row, classification)
        counts = targets[identity]
        best = min(counts, key=lambda target: (-counts[target], target))
        # To prefer one answer to several others is no contradiction.
        same = row.input if table.kind != "preference" else f"{row.input}\0{row.target}"
        if len(counts) > 1 and same == row.input and (classification or row.target != best):
            dropped["contradictory"] += 1
        elif (row.split, same) in seen:
            dropped["repeated"] += 1
        else:
            seen.add((row.split, same))
            kept.append(row)
    return Table(table.kind, kept, table.input_lang, table.target_lang, dropped)


def _identity(row: Row, classification: bool) -> tuple[str, str]:
    return row.split, likeness_key(row.input) if classification else row.input


def split(table: Table, task: BaseTask, name: str, seed: int) -> dict[str, list[Row]]:
    """The rows of train, validation and test, in the order of a hash of their keys.

    Rows whose data prescribes a split keep it, but training and validation rows that are alike to a test row,
    and training rows alike to a validation row, are dropped. Other rows are split by a hash of their group's
    smallest key, so that a row's place does not depend on the order of the input. Counts go to
    ``table.dropped``.

    Raises:
        UserError: a split would be empty.
    """
    targets = [row.target for row in table.rows] if task.group_targets else None
    inputs = [words_said(row.input) for row in table.rows]
    together = [row.group for row in table.rows]
    numbers = groups(inputs, task.near_duplicate, seed, targets, together)
    members: dict[int, list[Row]] = defaultdict(list)
    for number, row in zip(numbers.tolist(), table.rows, strict=True):
        members[number].append(row)
    free = [rows for rows in members.values() if not any(row.split for row in rows)]
    splits: dict[str, list[Row]] = {part: [] for part in SPLITS}
    _prescribed(members, splits, table)
    _drawn(free, splits, task, name, seed)
    for part in SPLITS:
        splits[part].sort(key=lambda row: _hash(name, seed, row.key))
    if task.train is not None and len(splits["train"]) > task.train:
        table.dropped["more than train"] += len(splits["train"]) - task.train
        splits["train"] = splits["train"][: task.train]
    _check(splits, table, name)
    return splits


def _prescribed(members: dict[int, list[Row]], splits: dict[str, list[Row]], table: Table) -> None:
    for rows in members.values():
        present = {row.split for row in rows}
        if not any(present):
            continue
        strictest = next(part for part in reversed(SPLITS) if part in present)
        for row in rows:
            if row.split == strictest:
                splits[strictest].append(row)
            else:
                table.dropped[f"{row.split or 'train'} row alike to a {strictest} row"] += 1


def _drawn(free: list[list[Row]], splits: dict[str, list[Row]], task: BaseTask, name: str, seed: int) -> None:
    """Fill test, then validation, with the first groups in hash order; the rest trains.

    Where the data has rows of its own for a split, none are drawn for it.
    """
    ordered = sorted(free, key=lambda rows: _hash(name, seed, min(row.key for row in rows)))
    wanted = {part: getattr(task, part) for part in ("test", "validation") if not splits[part]}
    for rows in ordered:
        part = next((part for part in wanted if len(splits[part]) + len(rows) <= wanted[part]), "train")
        if len(rows) > max(1, LARGE_GROUP * task.test):
            part = "train"
        splits[part] += rows


def _hash(name: str, seed: int, key: str) -> tuple[int, str]:
    return xxhash.xxh3_64_intdigest(f"{seed}\0{name}\0{key}".encode()), key


def _check(splits: dict[str, list[Row]], table: Table, name: str) -> None:
    for part, rows in splits.items():
        if not rows:
            counts = ", ".join(f"{other} {len(found):,}" for other, found in splits.items())
            raise UserError(
                f"tasks.{name}: the {part} split is empty ({counts}); expected rows in each. Give the task "
                "more rows, or lower `validation` and `test`."
            )
    if table.kind not in ("classification", "multilabel", "tagging"):
        return
    labels = {label for row in splits["train"] for label in labels_of(table.kind, row.target)}
    if table.kind == "classification" and len(labels) < 2:
        raise UserError(
            f"tasks.{name}: every training row has the label {labels.pop()!r}; expected two labels or more."
        )
    if not labels:
        raise UserError(f"tasks.{name}: no training row has a label; expected some.")
    for part in SPLITS[1:]:
        for row in splits[part]:
            for label in labels_of(table.kind, row.target):
                if label not in labels:
                    raise UserError(
                        f"tasks.{name}: {row.place or row.key}: the label {label!r} of this {part} row does "
                        f"not occur in training, which has: {', '.join(sorted(labels))}."
                    )
