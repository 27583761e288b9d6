"""`textmill evaluate --harness`: tasks of lm-evaluation-harness on one of our models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textmill.errors import UserError
from textmill.files import write_json


@dataclass(frozen=True)
class Request:
    """What the command was asked for; see `textmill evaluate --help`."""

    tasks: list[str]
    model: str
    include: Path | None
    limit: int | None
    shots: int | None
    chat: bool
    threads: int
    batch_tokens: int
    context: int | None
    output: Path | None
    json: bool


def evaluate_tasks(request: Request) -> None:
    """Run the tasks, print a table or JSON, and write the figures to `output`.

    Raises:
        UserError: a task or model is unknown, or the extra `harness` is missing.
    """
    from textmill.config.load import read_params
    from textmill.evaluation.harness.run import run_tasks

    if not request.tasks:
        raise UserError("--harness: expected names of tasks, comma between them, found none.")
    seed = read_params().get("seed", 0) if Path("params.yaml").is_file() else 0
    found = run_tasks(
        _directory(request.model), request.tasks, request.include, seed=seed, limit=request.limit,
        shots=request.shots, chat=request.chat, threads=request.threads, batch_tokens=request.batch_tokens,
        context=request.context,
    ) | {"model": request.model}  # fmt: skip
    if request.output is not None:
        write_json(request.output, found)
    if request.json:
        import orjson

        print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    else:
        _show(found)


def _directory(model: str) -> Path:
    """A model directory, or the local copy of a registered version."""
    if model.startswith("models:/"):
        from textmill.registry.verify import resolve
        from textmill.registry.versions import model_directory
        from textmill.tracking.store import connected

        with connected(Path()) as client:
            return model_directory(resolve(client, model))
    if not (Path(model) / "config.json").is_file():
        raise UserError(
            f"--model {model}: expected a model directory with a config.json, or models:/NAME@ALIAS."
        )
    return Path(model)


def _show(found: dict[str, Any]) -> None:
    from textmill.console.screen import console, table

    rows = []
    for kind in ("tasks", "groups"):
        for name, task in found[kind].items():
            for metric, row in task["metrics"].items():
                interval = "" if row["low"] is None else f"[{row['low']:.4g}, {row['high']:.4g}]"
                rows.append((name, metric, row["value"], interval, task.get("n"), row["better"] or ""))
    console().print(table(("task", "metric", "value", "95 %", "n", "better"), rows, title=found["model"]))
