"""The run report: one HTML page that loads nothing and depends on nothing but the reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup

from textmill.report import figures
from textmill.report.bias_section import corpus_bias
from textmill.report.collect import ReportSettings, RunFiles
from textmill.report.corpus_section import (
    contamination,
    documents_in,
    funnel,
    mix,
    removal_reasons,
    sources,
    unreadable,
)
from textmill.report.model_section import curves, judged
from textmill.report.probe_section import fairness, measured, probes
from textmill.report.validation_section import validation

PACKAGED_FILES = (
    "templates/bias.html.j2",
    "templates/card.md.j2",
    "templates/documents.html.j2",
    "templates/lineage.html.j2",
    "templates/models.html.j2",
    "templates/page.html.j2",
    "templates/parts.html.j2",
    "templates/style.css",
    "templates/summary.html.j2",
    "templates/training.html.j2",
    "templates/validation.html.j2",
)
TEMPLATES = Path(__file__).parent / "templates"


def render_page(files: RunFiles, settings: ReportSettings) -> str:
    """The page as HTML. All text that comes from data or models is escaped.

    Equal reports and settings give equal bytes.
    """
    environment = template_environment()
    models, validated = judged(files, settings), validation(files)
    return environment.get_template("page.html.j2").render(
        title=settings.report.title,
        style=Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),
        tiles=_tiles(files, models, validated),
        models=models,
        funnel=funnel(files),
        reasons=removal_reasons(files, settings.report.rules),
        unreadable=unreadable(files),
        contamination=contamination(files),
        mix=mix(files),
        tokenizer=_tokenizer(files.tokenizer),
        curves=curves(files, settings.report.curve_points),
        bias=corpus_bias(files, settings.report.bias_rows),
        probes=probes(files),
        measured=measured(files),
        fairness=fairness(files),
        validation=validated,
        sources=[_source(source) for source in sources(files)],
        test_sets=[view for view in models if view["test_sha256"]],
        versions=_versions(files.manifest or {}),
    )


def template_environment(autoescape: bool = True) -> Any:
    """Jinja with the project's templates; an undefined name is an error, not an empty string."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        count=figures.count,
        number=figures.number,
        percent=figures.percent,
        interval=figures.interval,
        metric=figures.metric_name,
        words=figures.words,
    )
    return environment


def _tiles(
    files: RunFiles, models: list[dict[str, Any]], validated: dict[str, Any] | None
) -> list[dict[str, str]]:
    tiles = []
    came = documents_in(files)
    if came:
        tiles.append({"value": figures.count(came), "label": "documents came in"})
    if came and files.corpus:
        kept, characters = files.corpus["documents"]["kept"], files.corpus["characters"]["kept"]
        tiles.append(
            {"value": figures.percent(kept / came), "label": f"kept: {figures.count(kept)} documents"}
        )
        tiles.append({"value": figures.count(characters), "label": "characters of kept text"})
    tokens = [report["tokens"] for report in files.pretrain.values() if isinstance(report.get("tokens"), int)]
    if tokens:
        tiles.append({"value": figures.count(sum(tokens)), "label": "tokens seen in pretraining"})
    asked = [model for model in models if model["required"]]
    if asked:
        ready = sum(model["won"] == model["required"] for model in asked)
        tiles.append({"value": f"{ready} of {len(asked)}", "label": "models won all that gates ask"})
    if validated:
        checked = validated["holds"] + validated["failed"]
        tiles.append({"value": f"{validated['holds']} of {checked}", "label": "data expectations hold"})
    if files.bias:
        tiles.append({"value": str(len(files.bias["warnings"])), "label": "bias findings to look at"})
    return tiles


def _tokenizer(report: dict[str, Any] | None) -> dict[str, Any] | None:
    """Figures by language and source as a table, the size of the vocabulary, and what it was learnt from."""
    if report is None:
        return None
    groups = [*report.get("languages", {}).items(), *report.get("sources", {}).items()]
    columns = list(dict.fromkeys(key for _, facts in groups for key in facts))
    sample = report.get("sample")
    return {
        "vocabulary": report.get("vocab_size"),
        "model": {"bpe": "BPE", "unigram": "Unigram"}.get(report.get("model", ""), ""),
        "learnt": sample and {**sample, "share": sample["characters"] / max(sample["of_characters"], 1)},
        "columns": [figures.words(key) for key in columns],
        "rows": [
            {"name": name, "cells": [figures.number(facts.get(key)) for key in columns]}
            for name, facts in groups
        ],
    }


def _source(source: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": source.get("name", ""),
        "kind": source.get("kind", ""),
        "license": source.get("license", ""),
        "documents": source.get("documents"),
        "characters": source.get("characters"),
        "artifact": source.get("artifact", ""),
        "sha256": source.get("sha256"),
    }


def _versions(manifest: dict[str, Any]) -> list[str]:
    """What read the documentation sources, as `numpy 2.4.6`."""
    found = {
        f"{name} {version}"
        for source in manifest.get("sources", {}).values()
        for name, version in source.get("versions", {}).items()
    }
    return sorted(found)
