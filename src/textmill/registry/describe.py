"""The description and tags of a model version: what a person reads in the MLflow UI."""

from __future__ import annotations

from typing import Any

from textmill.registry.gates import Ruling
from textmill.tracking.runs import metric_name, own_model


def figure(values: dict[str, Any]) -> str:
    """A metric with its interval: `31.2 [29, 33.1]`."""
    text = f"{values['value']:.4g}"
    if values.get("low") is None:
        return text
    return f"{text} [{values['low']:.4g}, {values['high']:.4g}]"


def describe(card: str, report: dict[str, Any], rulings: list[Ruling], manifest: dict[str, Any]) -> str:
    """Markdown: verdict and reasons, metrics beside the baselines, lineage."""
    passed = all(ruling.passed for ruling in rulings)
    lines = [card, ""] if card else []
    lines += [
        f"**{'Passed every gate' if passed else 'Held back'}.** Measured on {report.get('n', '?')} items.",
        "",
    ]
    lines += [*_metrics(report), ""]
    lines += ["| gate | passed | why |", "|---|---|---|"]
    lines += [
        f"| {item.gate} | {'yes' if item.passed else '**no**'} | {_cell(item.reason)} |" for item in rulings
    ]
    commit = manifest["git"]["commit"][:12] or "none"
    dirty = " with uncommitted changes" if manifest["git"]["dirty"] else ""
    model = manifest["model"]
    lines += ["", f"Made by `{model['path']}` at commit {commit}{dirty}; model MD5 {model['md5']}; "]
    lines[-1] += (
        f"{len(manifest['lineage'])} stages back to the raw data. Check with `textmill verify models:/"
    )
    lines[-1] += f"{manifest['name']}@champion`."
    spent = manifest.get("privacy")
    if spent:
        lines += ["", f"Private: ε = {spent['epsilon']:.4g}, δ = {spent['delta']:g} for a {spent['unit']}."]
    return "\n".join(lines)


def _metrics(report: dict[str, Any]) -> list[str]:
    own = own_model(report)
    metrics = list(report["models"][own]["metrics"])
    lines = ["| model | " + " | ".join(metrics) + " |", "|---" * (len(metrics) + 1) + "|"]
    for name, values in report["models"].items():
        cells = [
            figure(values["metrics"][metric]) if metric in values.get("metrics", {}) else "–"
            for metric in metrics
        ]
        lines.append(f"| {'**this model**' if name == own else name} | {' | '.join(cells)} |")
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def version_tags(rulings: list[Ruling], manifest: dict[str, Any], report: dict[str, Any]) -> dict[str, str]:
    """Tags by which versions are searched: the verdict, the reasons, the figures, the hashes."""
    failed = [ruling for ruling in rulings if not ruling.passed]
    tags = {
        "gate": "held" if failed else "passed",
        "gate.reasons": "; ".join(f"{ruling.gate}: {ruling.reason}" for ruling in failed) or "none",
        "git_commit": manifest["git"]["commit"] or "none",
        "git_dirty": str(manifest["git"]["dirty"]).lower(),
        "stage_key": manifest["model"]["stage_key"],
        "dvc_lock_sha256": manifest["dvc_lock_sha256"],
        "test_sha256": str(report.get("test_sha256") or "none"),
    }
    if manifest.get("privacy"):
        tags |= {f"privacy.{name}": str(manifest["privacy"][name]) for name in ("epsilon", "delta")}
    for metric, values in report["models"][own_model(report)]["metrics"].items():
        tags[metric_name(f"metric.{metric}")] = figure(values)
    return {key: text[:5000] for key, text in tags.items()}
