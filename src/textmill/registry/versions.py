"""Model versions in the registry: registered once per model bytes, described, and found again."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textmill.config.registry import RegisteredModel
from textmill.files import read_json, write_json
from textmill.tracking.hashes import canonical_sha256, file_hash

PREDICTOR = Path(__file__).with_name("predictor.py")
PACKAGE = "textmill.package"
MANIFEST = "textmill.manifest_sha256"


@dataclass(frozen=True)
class Version:
    """A version of a registered model, and the run its artifacts are kept with."""

    name: str
    number: str
    run_id: str
    created: bool

    @property
    def uri(self) -> str:
        """The version's MLflow address."""
        return f"models:/{self.name}/{self.number}"

    @property
    def folder(self) -> str:
        """Where the run keeps the version's manifest and evaluation."""
        return f"textmill/{self.name}/{self.number}"


def package_hash(manifest: dict[str, Any], decoding: dict[str, Any]) -> str:
    """What makes two versions the same: model bytes, the predictor's code, how it decodes."""
    parts = {"model": manifest["model"]["md5"], "predictor": file_hash(PREDICTOR), "decoding": decoding}
    return canonical_sha256(parts)


def register_version(
    client: Any,
    root: Path,
    spec: RegisteredModel,
    manifest: dict[str, Any],
    run_id: str,
    decoding: dict[str, Any],
) -> Version:
    """Find the version that has these model bytes, or log the model to its training run and create it.

    Args:
        client: an `MlflowClient`.
        root: the repository.
        spec: the model's entry in params.yaml.
        manifest: its lineage manifest.
        run_id: the MLflow run of the training stage.
        decoding: how the predictor decodes unless told otherwise (`max_new_tokens`, `num_beams`, …).
    """
    package = package_hash(manifest, decoding)
    _ensure_registered_model(client, spec)
    found = client.search_model_versions(f"name = '{spec.name}' and tags.`{PACKAGE}` = '{package}'")
    if found:
        return Version(spec.name, str(found[0].version), found[0].run_id or run_id, created=False)
    info = _log_model(root / spec.path, run_id, manifest, decoding)
    tags = {PACKAGE: package, "textmill.model_md5": manifest["model"]["md5"]}
    made = client.create_model_version(
        spec.name, info.model_uri, run_id=run_id, model_id=info.model_id, tags=tags, await_creation_for=60
    )
    return Version(spec.name, str(made.version), run_id, created=True)


def attach(client: Any, version: Version, manifest: dict[str, Any], files: dict[str, Path]) -> None:
    """Keep the manifest and `files` (by name) with the version's run, and its hash with the version.

    The newest manifest counts: a stage that ran again and made the same model bytes has a new lineage.
    """
    folder = version.folder
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "manifest.json"
        write_json(path, manifest)
        client.log_artifact(version.run_id, str(path), folder)
        client.set_model_version_tag(version.name, version.number, MANIFEST, file_hash(path, "sha256"))
    for name, file in files.items():
        if file.is_file():
            client.log_artifact(version.run_id, str(file), f"{folder}/{name}")


def attached(client: Any, version: Version, name: str) -> Path | None:
    """A local copy of a file kept with the version (`manifest.json`, `evaluation`), or None."""
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        uri = f"runs:/{version.run_id}/{version.folder}/{name}"
        path = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri))
    except (MlflowException, OSError):
        return None
    if path.is_dir():
        return next((file for file in sorted(path.iterdir()) if file.is_file()), None)
    return path


def model_directory(version: Version) -> Path:
    """A local copy of the Hugging Face directory inside a version."""
    import mlflow

    folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=f"{version.uri}/artifacts"))
    return next(path for path in sorted(folder.iterdir()) if path.is_dir())


def read_attached(client: Any, version: Version, name: str) -> Any:
    """A JSON file kept with the version, or None."""
    path = attached(client, version, name)
    return None if path is None else read_json(path)


def by_alias(client: Any, name: str, alias: str) -> Version | None:
    """The version an alias points to, or None."""
    number = client.get_registered_model(name).aliases.get(alias)
    if number is None:
        return None
    return Version(name, str(number), client.get_model_version(name, str(number)).run_id, created=False)


def _ensure_registered_model(client: Any, spec: RegisteredModel) -> None:
    from mlflow.exceptions import MlflowException

    try:
        known = client.get_registered_model(spec.name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        known = client.create_registered_model(spec.name, tags={"textmill.path": spec.path})
    if spec.card and known.description != spec.card:
        client.update_registered_model(spec.name, description=spec.card)


def _log_model(directory: Path, run_id: str, manifest: dict[str, Any], decoding: dict[str, Any]) -> Any:
    import mlflow
    from mlflow.models.signature import ModelSignature
    from mlflow.types.schema import ColSpec, ParamSchema, ParamSpec, Schema

    answers = {
        "classification": ["label", "score"],
        "multilabel": ["labels"],
        "tagging": ["tags"],
        "extraction": ["text"],
        "generation": ["text"],
    }[decoding["kind"]]
    types = {"score": "double"}
    params = [ParamSpec("batch_size", "long", 16)]
    if decoding["kind"] == "generation":
        params += [ParamSpec("max_new_tokens", "long", 0), ParamSpec("num_beams", "long", 0)]
    signature = ModelSignature(
        # An input without a name takes a list, a series, or a frame with one column of any name.
        inputs=Schema([ColSpec("string")]),
        outputs=Schema([ColSpec(types.get(name, "string"), name) for name in answers]),
        params=ParamSchema(params),
    )
    packages = manifest["packages"]
    # A local build tag (2.13.0+cpu) names a wheel that the package index does not have.
    needs = [
        f"{name}=={packages[name].split('+')[0]}"
        for name in ("mlflow", "torch", "transformers")
        if name in packages
    ]
    previous = mlflow.active_run()
    if previous is not None:
        mlflow.end_run()
    with mlflow.start_run(run_id=run_id):
        return mlflow.pyfunc.log_model(
            name=manifest["name"],
            python_model=str(PREDICTOR),
            artifacts={"model": str(directory)},
            signature=signature,
            model_config={key: value for key, value in decoding.items() if key != "kind"},
            pip_requirements=needs,
            metadata={"model_md5": manifest["model"]["md5"], "git_commit": manifest["git"]["commit"]},
        )
