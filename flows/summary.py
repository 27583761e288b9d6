"""What a run made, on one screen: documents, tokens, models beside baselines, gates, where to look."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from textmill.files import read_json
from textmill.registry.outcome import Outcome

_MAIN_METRICS = ("bits_per_byte", "loss", "macro_f1", "bleu", "chrf", "rougeL")


def show_summary(root: Path, outcomes: Sequence[Outcome]) -> None:
    """Print the summary of the reports below `root`, and of what became of the models."""
    # Off a terminal rich would fold at 80 columns, which breaks tables in logs.
    console = Console(highlight=False, width=None if os.isatty(1) or "COLUMNS" in os.environ else 120)
    console.print()
    for line in data_lines(root):
        console.print(line)
    models = models_table(root)
    if models.row_count:
        console.print(models)
    if outcomes:
        console.print(registry_table(outcomes))
    for title, where in places(root):
        console.print(f"[bold]{title:<12}[/] {where}", soft_wrap=True)


def data_lines(root: Path) -> list[str]:
    """Documents in and kept, and tokens."""
    lines = []
    corpus = _read(root / "reports" / "corpus.json")
    if corpus:
        before, kept = corpus["documents"]["in"], corpus["documents"]["kept"]
        share = f" ({100 * kept / before:.1f} %)" if before else ""
        lines.append(f"[bold]Documents[/]    {before:,} in → {kept:,} kept{share}")
    tokens = _read(root / "data" / "tokens" / "tokens.json")
    if tokens:
        train, validation = tokens["train"]["tokens"], tokens["validation"]["tokens"]
        lines.append(f"[bold]Tokens[/]       {train:,} to train on, {validation:,} to validate")
    return lines


def models_table(root: Path) -> Table:
    """Each evaluated model's main metrics beside those of its baselines, with 95 % intervals."""
    table = Table(title="Models beside their baselines, with 95 % intervals", title_justify="left", box=None)
    for column in ("model", "metric", "ours", "against", "theirs", "verdict"):
        table.add_column(column, overflow="fold")
    for folder in ("language_models", "evaluation"):
        for path in sorted((root / "reports" / folder).glob("*.json")):
            for row in comparison_rows(read_json(path)):
                table.add_row(*row)
    return table


def comparison_rows(report: dict[str, Any]) -> list[tuple[str, ...]]:
    """One row per comparison of the model with a baseline by a main metric."""
    models = report["models"]
    compared = {comparison["metric"] for comparison in report["comparisons"]}
    rows: list[tuple[str, ...]] = []
    for comparison in report["comparisons"]:
        metric = comparison["metric"]
        if metric not in _MAIN_METRICS or (metric == "loss" and "bits_per_byte" in compared):
            continue
        ours, theirs = (models[comparison[side]]["metrics"].get(metric) for side in ("model", "against"))
        colour = {"won": "green", "lost": "red"}.get(comparison["verdict"], "yellow")
        verdict = f"[{colour}]{comparison['verdict']}[/]"
        rows.append(
            (report["name"], metric, interval(ours), comparison["against"], interval(theirs), verdict)
        )
    return rows


def interval(metric: dict[str, float] | None) -> str:
    """A metric with its interval: ``31.2 (29 to 33.1)``; empty where there is none."""
    if not metric:
        return ""
    if metric.get("low") is None or metric.get("high") is None:
        return f"{metric['value']:.3g}"
    return f"{metric['value']:.3g} ({metric['low']:.3g} to {metric['high']:.3g})"


def registry_table(outcomes: Sequence[Outcome]) -> Table:
    """What became of each model."""
    table = Table(title="Registry", title_justify="left", box=None)
    for column in ("model", "version", "verdict", "why"):
        table.add_column(column, overflow="fold")
    colours = {"promoted": "green", "champion": "green", "held": "red", "rolled back": "red"}
    for outcome in outcomes:
        colour = colours.get(outcome.status, "yellow")
        version = f"v{outcome.version}" if outcome.version else "–"
        table.add_row(
            outcome.model,
            version,
            f"[{colour}]{outcome.status}[/]",
            "\n".join(outcome.reasons) or "all gates passed",
        )
    return table


def places(root: Path) -> list[tuple[str, str]]:
    """Where to look next."""
    from flows.server import mlflow_server, prefect_server

    found = []
    page = root / "reports" / "index.html"
    if page.exists():
        found.append(("Report", str(page.relative_to(root))))
    mlflow = mlflow_server()
    running = mlflow.running()
    tracking = os.environ.get("MLFLOW_TRACKING_URI")
    found.append(("MLflow UI", tracking or (mlflow.url(running) if running else "make up")))
    prefect = prefect_server()
    running = prefect.running()
    api = os.environ.get("PREFECT_API_URL", "").removesuffix("/api")
    found.append(("Prefect UI", prefect.url(running) if running else api))
    return found


def _read(path: Path) -> Any:
    return read_json(path) if path.exists() else None
