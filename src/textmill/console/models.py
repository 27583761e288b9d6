"""A model that a command names: a directory, or a registered version."""

from __future__ import annotations

from pathlib import Path

from textmill.errors import UserError


def directory_of(model: str) -> Path:
    """The Hugging Face directory behind `DIR` or `models:/NAME@ALIAS`; a registered one is copied here.

    Raises:
        UserError: there is no such directory or version.
        TrackingUnreachable: the MLflow server does not answer.
    """
    if model.startswith("models:/"):
        from textmill.tracking.models import download

        return download(Path(), model)
    if not (Path(model) / "config.json").is_file():
        raise UserError(
            f"{model}: expected a model directory with a config.json, models:/NAME@ALIAS or "
            "models:/NAME/VERSION."
        )
    return Path(model)
