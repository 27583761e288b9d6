"""Read what the tasks stage wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from textmill.errors import UserError
from textmill.files import read_json
from textmill.modeling.baselines import Rows
from textmill.modeling.targets import labels_of

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Task:
    """A task's rows and what its task.json says; `ids`, `sources`, `languages`
    of targets and `directions` (``en→zh``) are the test rows'."""

    name: str
    kind: str
    labels: list[str]
    target_lang: str
    test_sha256: str
    ids: list[str]
    sources: list[str]
    languages: list[str]
    directions: list[str]
    train: Rows
    validation: Rows
    test: Rows


def read_task(root: Path, name: str) -> Task:
    """Read the task `name` below `root` (data/tasks).

    Raises:
        UserError: a file is missing or damaged, a split is empty, or a test label is unknown in training.
    """
    from textmill.corpus.shards import read_table

    folder = root / name
    try:
        about = read_json(folder / "task.json")
    except FileNotFoundError:
        raise UserError(f"{folder / 'task.json'}: not found; run the tasks stage of {name} first.") from None
    rows, ids, sources, languages, directions = {}, [], [], [], []
    for split in SPLITS:
        path = folder / f"{split}.parquet"
        table = read_table(path, ["id", "input", "target", "source", "input_lang", "target_lang"])
        if table.num_rows == 0:
            raise UserError(f"{path}: expected rows, found none.")
        rows[split] = Rows(table["input"].to_pylist(), table["target"].to_pylist())
        if split == "test":
            ids, sources, languages = (table[name].to_pylist() for name in ("id", "source", "target_lang"))
            pairs = zip(table["input_lang"].to_pylist(), languages, strict=True)
            directions = [f"{one}→{other}" if one != other else "" for one, other in pairs]
    labels = list(about.get("labels") or [])
    for row, target in enumerate(rows["test"].targets):
        for label in labels_of(about["kind"], target):
            if label not in labels:
                raise UserError(
                    f"{folder / 'test.parquet'}: row {row}: label {label!r} is not among those of "
                    f"the training rows: {', '.join(labels)}."
                )
    # Where targets are in several languages each row is parted into words by its own.
    target_lang = languages[0] if len(set(languages)) == 1 else ""
    return Task(
        name, about["kind"], labels, target_lang or "", about["test_sha256"], ids, sources, languages,
        directions, rows["train"], rows["validation"], rows["test"],
    )  # fmt: skip
