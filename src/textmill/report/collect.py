"""Everything the report speaks of, read from the files that the stages wrote."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textmill.config.gates import Gates
from textmill.config.registry import Registry
from textmill.config.report import Report
from textmill.errors import UserError
from textmill.files import read_json


@dataclass(frozen=True)
class RunFiles:
    """The reports of one run. What a run does not have is None or empty, and the page says so.

    Attributes:
        manifest, corpus, contamination, tokenizer, bias, embeddings, mitigation, validation,
            validation_tokens: the JSON reports of these stages.
        pretrain, finetune, evaluation, language_models, probes: reports by name, in order of name.
    """

    manifest: dict[str, Any] | None = None
    corpus: dict[str, Any] | None = None
    contamination: dict[str, Any] | None = None
    tokenizer: dict[str, Any] | None = None
    bias: dict[str, Any] | None = None
    embeddings: dict[str, Any] | None = None
    mitigation: dict[str, Any] | None = None
    validation: dict[str, Any] | None = None
    validation_tokens: dict[str, Any] | None = None
    pretrain: dict[str, Any] = field(default_factory=dict)
    finetune: dict[str, Any] = field(default_factory=dict)
    evaluation: dict[str, Any] = field(default_factory=dict)
    language_models: dict[str, Any] = field(default_factory=dict)
    probes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportSettings:
    """The sections of params.yaml that the report reads."""

    report: Report
    gates: Gates
    registry: Registry


def collect(root: Path) -> RunFiles:
    """Read what is there below `root`.

    Raises:
        UserError: a report is there but is not JSON.
    """
    reports = root / "reports"
    return RunFiles(
        manifest=_json(root / "data/raw/manifest.json"),
        corpus=_json(reports / "corpus.json"),
        contamination=_json(reports / "contamination.json"),
        tokenizer=_json(reports / "tokenizer.json"),
        bias=_json(reports / "bias.json"),
        embeddings=_json(reports / "embeddings.json"),
        mitigation=_json(reports / "mitigation.json"),
        validation=_json(reports / "validation.json"),
        validation_tokens=_json(reports / "validation_tokens.json"),
        **{
            name: _folder(reports / name)
            for name in ("pretrain", "finetune", "evaluation", "language_models", "probes")
        },
    )


def _json(path: Path) -> Any:
    if not path.is_file():
        return None
    try:
        return read_json(path)
    except UserError as error:
        raise UserError(f"{error} Run the stage that writes it again.") from None


def _folder(folder: Path) -> dict[str, Any]:
    return {path.stem: _json(path) for path in sorted(folder.glob("*.json"))}
