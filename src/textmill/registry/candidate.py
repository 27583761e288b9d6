"""Bring a model into the registry as candidate, and gather the evidence about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textmill.config.evaluate_lm import EvaluateLm
from textmill.config.gates import Gates, ModelGates
from textmill.config.load import validated
from textmill.config.registry import RegisteredModel
from textmill.files import read_json
from textmill.registry import evidence as ev
from textmill.registry import versions
from textmill.registry.champion import compare_intervals, compare_predictions
from textmill.registry.decoders import VALIDATION as TOKENS
from textmill.registry.decoders import compare_decoders
from textmill.registry.evidence import AgainstChampion, Evidence
from textmill.registry.manifest import build_manifest
from textmill.registry.smoke import answers, smoke_test
from textmill.registry.versions import Version
from textmill.tracking.lockfile import Lock, StageEntry
from textmill.tracking.send import run_of

CANDIDATE, CHAMPION, PREVIOUS = "candidate", "champion", "previous"


@dataclass(frozen=True)
class Candidate:
    """A registered version with its report, its manifest, and the stages that made and judged it."""

    spec: RegisteredModel
    version: Version
    report: dict[str, Any]
    manifest: dict[str, Any]
    judged: StageEntry


def enter(client: Any, root: Path, spec: RegisteredModel, lock: Lock) -> Candidate:
    """Register the model of `spec` (or find its version), keep its evidence with it, make it `candidate`.

    Raises:
        UserError: the model, its report or its stage is missing, or its bytes differ from dvc.lock.
    """
    manifest = build_manifest(root, spec, lock)
    report = read_json(root / spec.report)
    judged = next(entry for entry in lock.stages.values() if spec.report in entry.outs)
    run_id = run_of(root, manifest["model"]["stage_key"]) or ""
    version = versions.register_version(client, root, spec, manifest, run_id, _decoding(judged, report))
    files = {"evaluation": root / spec.report}
    predictions = ev.predictions_of(judged)
    if predictions:
        files["predictions"] = root / predictions
    versions.attach(client, version, manifest, files)
    champion = versions.by_alias(client, spec.name, CHAMPION)
    if champion is None or champion.number != version.number:
        client.set_registered_model_alias(spec.name, CANDIDATE, version.number)
    return Candidate(spec, version, report, manifest, judged)


def _decoding(judged: StageEntry, report: dict[str, Any]) -> dict[str, Any]:
    """How the evaluation decoded, so that the registered model answers as it was judged."""
    from textmill.config.evaluate import Evaluate
    from textmill.config.load import validated

    params = judged.params.get("params.yaml", {}).get("evaluate")
    if report["kind"] not in ("classification", "generation", "multilabel", "tagging", "extraction"):
        return {"kind": "generation"}
    if not params:
        return {"kind": report["kind"]}
    settings = validated(Evaluate, params, "dvc.lock", "evaluate")
    decoding = {"kind": report["kind"], "max_input_tokens": settings.max_input_tokens}
    if report["kind"] == "generation":
        judgement = settings.judgement(report["task"], "generation")
        wanted = {"max_new_tokens": judgement.max_new_tokens, "num_beams": judgement.beams}
        decoding |= {name: value for name, value in wanted.items() if value}
    return decoding


def gather(client: Any, root: Path, candidate: Candidate, gates: Gates, seed: int) -> Evidence:
    """Load the model, ask it, compare it with the champion, and read what the pipeline reported."""
    own = gates.models.get(candidate.spec.name, ModelGates())
    report = candidate.report
    leaked = None
    if gates.contamination is not None and report.get("task"):
        leaked = ev.leaked_share(root, report["task"], int(report.get("n") or 0), gates.contamination)
    against, incomparable = None, ""
    champion = versions.by_alias(client, candidate.spec.name, CHAMPION)
    if own.champion is not None and champion is not None and champion.number != candidate.version.number:
        against, incomparable = _against(
            client, root, candidate, champion, own.champion.metric, gates.resamples, seed
        )
    return Evidence(
        evaluation=report,
        validation=ev.optional_report(root, ev.VALIDATION),
        bias=ev.optional_report(root, ev.BIAS),
        leaked=leaked,
        smoke=smoke_test(candidate.version.uri, smoke_inputs(candidate, gates)),
        champion=against,
        incomparable=incomparable,
    )


def smoke_inputs(candidate: Candidate, gates: Gates) -> list[str]:
    """The inputs of params.yaml and two of the evaluation's own samples."""
    samples = [item["input"] for item in candidate.report.get("samples", [])[:2] if item.get("input")]
    return [*gates.smoke, *samples]


def _against(
    client: Any, root: Path, candidate: Candidate, champion: Version, metric: str, resamples: int, seed: int
) -> tuple[AgainstChampion | None, str]:
    theirs = versions.read_attached(client, champion, "evaluation") or {}
    ours = candidate.report
    same_rows = bool(ours.get("test_sha256")) and theirs.get("test_sha256") == ours["test_sha256"]
    predictions = ev.predictions_of(candidate.judged)
    if predictions and (root / predictions).is_file():
        stored = versions.attached(client, champion, "predictions") if same_rows else None
        task = root / "data/tasks" / ours["task"]
        source = _champion_predictions(champion, stored)
        path = root / predictions
        return compare_predictions(metric, champion.number, task, path, source, resamples, seed), ""
    if ours["kind"] == "decoder" and (root / TOKENS).is_dir():
        settings = validated(
            EvaluateLm,
            candidate.judged.params.get("params.yaml", {}).get("evaluate_lm", {}),
            "dvc.lock: evaluate_lm",
        )
        own, other = root / candidate.spec.path, versions.model_directory(champion)
        return compare_decoders(metric, champion.number, root, own, other, settings, seed), ""
    if same_rows:
        return compare_intervals(metric, champion.number, ours, theirs), ""
    return None, (
        f"version {champion.number} was measured on another evaluation set, and there is nothing to "
        "measure it again on; to accept the candidate, remove the champion alias or its champion gate"
    )


def _champion_predictions(
    champion: Version, stored: Path | None
) -> Callable[[list[str], list[str]], tuple[list[str], str]]:
    def of(ids: list[str], inputs: list[str]) -> tuple[list[str], str]:
        if stored is not None:
            from textmill.corpus.shards import read_table

            kept = read_table(stored, ["id", "finetuned"]).to_pydict()
            by_id = dict(zip(kept["id"], kept["finetuned"], strict=True))
            if all(key in by_id for key in ids):
                return [by_id[key] for key in ids], "paired bootstrap on kept predictions"
        return answers(champion.uri, inputs), "paired bootstrap, champion measured again"

    return of
