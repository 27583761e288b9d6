"""Model cards: what a model is for, what it was made of, how well it does, and what to beware of.

Sections after Mitchell et al. 2019, "Model Cards for Model Reporting".
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from textmill.config.registry import RegisteredModel
from textmill.report.bias_section import probes
from textmill.report.collect import ReportSettings, RunFiles
from textmill.report.corpus_section import sources
from textmill.report.model_section import judged, training_facts
from textmill.report.page import template_environment

USES = {
    "classification": ("Sorting texts of the kind it was trained on.", "AutoModelForSequenceClassification"),
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
    kind = view["kind"] if view and view["kind"] in USES else stem
    use, auto_class = USES.get(kind, ("Study, and a start for further work.", "AutoModel"))
    training = files.finetune.get(stem) or files.pretrain.get(stem)
    samples = (view or {}).get("samples") or []
    return {
        "name": model.name,
        "purpose": model.card,
        "path": model.path,
        "use": use,
        "auto_class": auto_class,
        "example": _example(samples),
        "sources": sources(files),
        "task": (view or {}).get("task"),
        "procedure": training_facts(training) if training else [],
        "n": (view or {}).get("n"),
        "test_sha256": (view or {}).get("test_sha256"),
        "metrics": (view or {}).get("metrics", []),
        "rows": (view or {}).get("rows", []),
        "comparisons": (view or {}).get("comparisons", []),
        "required": (view or {}).get("required", 0),
        "won": (view or {}).get("won", 0),
        "unmet": (view or {}).get("unmet", []),
        "bias_warnings": files.bias["warnings"] if files.bias else None,
        "probe_rows": next((probe["rows"] for probe in probes(files) if probe["name"] == stem), []),
    }


def _normal(path: str) -> str:
    return str(PurePosixPath(path))


def _example(samples: list[dict[str, Any]]) -> str:
    text = str(samples[0]["input"]).splitlines()[0] if samples and samples[0]["input"] else "A text."
    return text[:80].replace("\\", "\\\\").replace('"', '\\"').replace("`", "'")


def _cell(value: Any) -> str:
    """Text from data inside a Markdown table: no new row, no new column, no markup."""
    text = str(value if value is not None else "–")
    for character in ("\\", "|", "<", "*", "_", "`", "["):
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())


def _tidy(markdown: str) -> str:
    """At most one empty line between blocks, none between rows of a table."""
    lines: list[str] = []
    for line in (raw.rstrip() for raw in markdown.splitlines()):
        if line or (lines and lines[-1]):
            lines.append(line)
    kept = [
        line for place, line in enumerate(lines)
        if line or not (lines[place - 1].startswith("|") and place + 1 < len(lines) and lines[place + 1].startswith("|"))
    ]  # fmt: skip
    return "\n".join(kept).strip() + "\n"
