"""tasks@T: read the rows of one task, clean and split them."""

from functools import partial
from pathlib import Path

from pipelines._stage import Stage, run
from textmill.config.clean import Clean
from textmill.config.load import read_params
from textmill.config.tasks import KINDS
from textmill.corpus.cleaning import clean_text
from textmill.corpus.selection.exclusions import exclusion_list
from textmill.errors import UserError
from textmill.tasks.tables.build import build


def main(stage: Stage) -> None:
    """Write train, validation and test rows of a task into data/tasks/T."""
    name = stage.item or ""
    params = read_params()
    declared = params.get("tasks") or {}
    if name not in declared:
        raise UserError(f"params.yaml: tasks.{name}: missing. Known tasks: {', '.join(declared) or 'none'}.")
    kind = declared[name].get("kind") if isinstance(declared[name], dict) else None
    if kind not in KINDS:
        raise UserError(
            f"params.yaml: tasks.{name}.kind: expected one of {', '.join(KINDS)}, found {kind!r}."
        )
    task = stage.params(KINDS[kind])
    clean = partial(clean_text, options=stage.params(Clean, "clean"))
    local = Path((params.get("ingest") or {}).get("local", "sources"))
    excluded = exclusion_list((params.get("select") or {}).get("exclude_file"))
    about = build(name, task, stage.seed, local, clean, Path("data/tasks") / name, excluded)
    counts = ", ".join(f"{part} {count:,}" for part, count in about["rows"].items())
    dropped = ", ".join(f"{reason} {count:,}" for reason, count in about["dropped"].items())
    stage.say(f"{counts} rows; dropped: {dropped or 'none'}")


if __name__ == "__main__":
    run(main, "tasks", "task")
