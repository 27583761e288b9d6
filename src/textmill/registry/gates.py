"""The gates of params.yaml, applied to evidence. Pure: no store, no model, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from textmill.config.gates import Gates, ModelGates
from textmill.registry.evidence import Evidence
from textmill.tracking.runs import own_model


@dataclass(frozen=True)
class Ruling:
    """One gate's decision and its reason, in words with the figures it rests on."""

    gate: str
    passed: bool
    reason: str


def judge(evidence: Evidence, gates: Gates, own: ModelGates) -> list[Ruling]:
    """Every gate's ruling; the candidate passes if all do.

    A gate that lacks what it must look at (a report, a comparison, a metric) does not pass. The
    contamination gate speaks only of models that are judged on a task whose overlap was measured.
    """
    return [
        *_common(evidence, gates),
        *_figures(evidence, own),
        *_comparisons(evidence, own),
        *_champion(evidence, own),
    ]


def _common(evidence: Evidence, gates: Gates) -> Iterator[Ruling]:
    if gates.validation:
        yield _validation(evidence.validation)
    if gates.max_bias_warnings is not None:
        yield _bias(evidence.bias, gates.max_bias_warnings)
    if gates.contamination is not None and evidence.leaked is not None:
        limit = gates.contamination.max_share
        reason = (
            f"{evidence.leaked:.2%} of the evaluation rows are in kept documents, at most {limit:.2%} allowed"
        )
        yield Ruling("contamination", evidence.leaked <= limit, reason)
    yield Ruling("smoke", not evidence.smoke, evidence.smoke or "loads from the registry and answers")


def _validation(report: dict[str, Any] | None) -> Ruling:
    if report is None:
        return Ruling("validation", False, "reports/validation.json is missing")
    failed = [item["name"] for item in report.get("expectations", []) if not item["passed"]]
    if report.get("passed"):
        return Ruling("validation", True, f"{len(report.get('expectations', []))} expectations hold")
    return Ruling("validation", False, f"failed: {', '.join(failed) or 'the report says so'}")


def _bias(report: dict[str, Any] | None, limit: int) -> Ruling:
    if report is None:
        return Ruling("bias", False, "reports/bias.json is missing")
    warnings = len(report.get("warnings", []))
    return Ruling("bias", warnings <= limit, f"{warnings} warnings, at most {limit} allowed")


def _figures(evidence: Evidence, own: ModelGates) -> Iterator[Ruling]:
    figures = evidence.evaluation["models"][own_model(evidence.evaluation)]["metrics"]
    for limits, word, sign in ((own.floors, "at least", 1), (own.ceilings, "at most", -1)):
        for metric, limit in limits.items():
            gate = f"{'floor' if sign > 0 else 'ceiling'} {metric}"
            if metric not in figures:
                yield Ruling(gate, False, f"the report has no {metric}; it has {', '.join(sorted(figures))}")
                continue
            value = float(figures[metric]["value"])
            yield Ruling(gate, sign * value >= sign * limit, f"{value:.4g}, {word} {limit:g} required")


def _comparisons(evidence: Evidence, own: ModelGates) -> Iterator[Ruling]:
    compared = {
        (item["metric"], item["against"]): item
        for item in evidence.evaluation.get("comparisons", [])
        if item["model"] == own_model(evidence.evaluation)
    }
    for wanted in own.beats:
        gate = f"beats {wanted.against} on {wanted.metric}"
        found = compared.get((wanted.metric, wanted.against))
        if found is None:
            known = ", ".join(f"{metric} against {other}" for metric, other in sorted(compared)) or "none"
            yield Ruling(gate, False, f"the report does not compare them; it has {known}")
            continue
        yield Ruling(gate, found["verdict"] == "won", f"{found['verdict']}: {_difference(found)}")


def _champion(evidence: Evidence, own: ModelGates) -> Iterator[Ruling]:
    if own.champion is None:
        return
    gate = f"champion on {own.champion.metric}"
    if evidence.incomparable:
        yield Ruling(gate, False, evidence.incomparable)
        return
    found = evidence.champion
    if found is None:
        yield Ruling(gate, True, "no other champion to compare with")
        return
    allowed = ("won",) if own.champion.require == "won" else ("won", "tied")
    figures = _difference({"difference": found.difference, "low": found.low, "high": found.high})
    reason = f"{found.verdict} against version {found.version}: {figures} ({found.method})"
    yield Ruling(gate, found.verdict in allowed, reason)


def _difference(item: dict[str, Any]) -> str:
    return f"{item['difference']:+.4g} [{item['low']:+.4g}, {item['high']:+.4g}]"
