"""Model cards: what a model is for, what it was made of, how well it does, and what to beware of.

Sections after Mitchell et al. 2019, "Model Cards for Model Reporting".
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from textmill.config.registry import RegisteredModel
from textmill.report.collect import ReportSettings, RunFiles
from textmill.report.corpus_section import sources
from textmill.report.figures import count
from textmill.report.model_section import judged, training_facts
from textmill.report.page import template_environment
from textmill.report.probe_section import probes

USES = {
    "classification": ("Sorting texts of the kind it was trained on.", "AutoModelForSequenceClassification"),
    "multilabel": (
        "Labels, any number, for texts of the kind it was trained on.",
        "AutoModelForSequenceClassification",
    ),
    "tagging": ("Finding spans in texts of the kind it was trained on.", "AutoModelForTokenClassification"),
    "extraction": ("Finding in a given text what answers a question.", "AutoModelForQuestionAnswering"),
    "generation": ("Drafts that a person reads before they are used.", "AutoModelForSeq2SeqLM"),
    "decoder": ("Study, and a start for fine-tuning.", "AutoModelForCausalLM"),
    "encoder": ("Study, and a start for fine-tuning.", "AutoModelForMaskedLM"),
    "seq2seq": ("Study, and a start for fine-tuning.", "AutoModelForSeq2SeqLM"),
}


def render_cards(files: RunFiles, settings: ReportSettings) -> dict[str, str]:
    """The card of each model of the registry section: {name: Markdown}. Equal reports give equal cards."""
    environment = template_environment(autoescape=False)
    environment.filters["cell"] = _cell
    template = environment.get_template("card.md.j2")
    views = {view["report"]: view for view in judged(files, settings)}
    return {
        model.name: _tidy(template.render(**_facts(model, views.get(_normal(model.report)), files)))
        for model in settings.registry.models
    }


def _facts(model: RegisteredModel, view: dict[str, Any] | None, files: RunFiles) -> dict[str, Any]:
    stem = Path(model.path).name
    seen = view or {}
    kind = seen["kind"] if seen.get("kind") in USES else stem
    use, auto_class = USES.get(kind, ("Study, and a start for further work.", "AutoModel"))
    training = files.finetune.get(stem) or files.pretrain.get(stem) or {}
    base = training.get("base")
    metrics = [
        f"{row['name']}{' (lower is better)' if row['lower'] else ''}" for row in seen.get("metrics", [])
    ]
    probed: list[dict[str, Any]] = next(
        (probe["rows"] for probe in probes(files) if probe["name"] == stem), []
    )
    return {
        "name": model.name,
        "purpose": model.card,
        "path": model.path,
        "use": use,
        "auto_class": auto_class,
        "example": _example(seen.get("samples") or []),
        "task": seen.get("task"),
        "base": base,
        "own_pretraining": base is None or str(base).startswith("models/pretrained/"),
        "sources": _table(
            ["source", "license", "documents", "characters"],
            [
                [row["name"], row["license"], count(row["documents"]), count(row["characters"])]
                for row in sources(files)
            ],
        ),
        "procedure": _table(["", ""], [list(row) for row in training_facts(training)]),
        "n": seen.get("n"),
        "test_sha256": seen.get("test_sha256"),
        "figures": _table(["model", *metrics], [_figures(row) for row in seen.get("rows", [])]),
        "comparisons": _table(
            ["against", "metric", "difference", "p", "verdict"],
            [
                [row["against"], row["metric_name"], f"{row['difference']} {row['interval']}", row["p"],
                 row["verdict"] + (", a gate" if row["gate"] else "")]
                for row in seen.get("comparisons", [])
            ],
        ),
        "required": seen.get("required", 0),
        "won": seen.get("won", 0),
        "unmet": seen.get("unmet", []),
        "bias_warnings": files.bias["warnings"] if files.bias else None,
        "probed": _table(
            ["axis", "score", "n"],
            [[row["axis"], f"{row['value']} {row['interval']}", count(row["n"])] for row in probed],
        ),
    }  # fmt: skip


def _figures(row: dict[str, Any]) -> list[str]:
    return [row["name"], *(f"{cell['value']} {cell['interval']}" if cell else "–" for cell in row["cells"])]


def _table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, or nothing when there are no rows."""
    if not rows:
        return ""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _normal(path: str) -> str:
    return str(PurePosixPath(path))


def _example(samples: list[dict[str, Any]]) -> str:
    text = str(samples[0]["input"]).splitlines()[0] if samples and samples[0]["input"] else "A text."
    return text[:80].replace("\\", "\\\\").replace('"', '\\"').replace("`", "'")


def _cell(value: Any) -> str:
    """Text from data inside a Markdown table: no new row, no new column, no markup."""
    text = str(value if value is not None else "–")
    for character in ("\\", "|", "<", "*", "_", "`", "]("):
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())


def _tidy(markdown: str) -> str:
    """At most one empty line between blocks."""
    lines: list[str] = []
    for line in (raw.rstrip() for raw in markdown.splitlines()):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).strip() + "\n"
