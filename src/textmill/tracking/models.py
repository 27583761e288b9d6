"""The files of a registered model version."""

from __future__ import annotations

from pathlib import Path

from textmill.errors import UserError
from textmill.tracking.store import connected


def download(root: Path, uri: str) -> Path:
    """A local copy of the Hugging Face directory inside a registered version.

    Args:
        root: the repository, whose registry is asked.
        uri: `models:/NAME@ALIAS` or `models:/NAME/VERSION`.

    Raises:
        UserError: the address is malformed, there is no such version, or it holds no model directory.
        TrackingUnreachable: the MLflow server does not answer.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    name, alias, number = parse(uri)
    with connected(root) as client:
        try:
            if alias:
                number = str(client.get_model_version_by_alias(name, alias).version)
            place = f"models:/{name}/{number}/artifacts"
            folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=place))
        except (MlflowException, OSError) as error:
            raise UserError(f"{uri}: not in the registry: {str(error).splitlines()[0]}") from None
    found = [path for path in sorted(folder.iterdir()) if (path / "config.json").is_file()]
    if not found:
        raise UserError(f"{uri}: expected a model directory in the version, found none.")
    return found[0]


def parse(uri: str) -> tuple[str, str, str]:
    """Name, alias and version number of a `models:/…` address; alias or number is empty.

    Raises:
        UserError: it is neither models:/NAME@ALIAS nor models:/NAME/VERSION.
    """
    rest = uri.removeprefix("models:/")
    name, at, alias = rest.partition("@")
    name, slash, number = name.partition("/")
    if (
        rest == uri
        or not name
        or bool(at) == bool(slash)
        or (slash and not number.isdigit())
        or (at and not alias)
    ):
        raise UserError(f"{uri}: expected models:/NAME@ALIAS or models:/NAME/VERSION.")
    return name, alias, number
