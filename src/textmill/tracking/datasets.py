"""Data sets of a run: named, found by hash, and loaded again from DVC."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def dataset_inputs(deps: dict[str, str], rows: dict[str, int]) -> list[Any]:
    """MLflow dataset inputs for the data a stage read.

    Args:
        deps: paths and DVC hashes of the stage's dependencies; code and reports are left out.
        rows: number of rows by path, where the stage counted them.

    Returns:
        `mlflow.entities.DatasetInput` objects whose digest is the first 36 characters of the DVC hash
        (MLflow's limit; an MD5 with `.dir` fits whole).
    """
    import json

    from mlflow.data.dataset_source import DatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import Dataset, DatasetInput, InputTag

    class DvcSource(DatasetSource):
        """A path under DVC at the hash it had."""

        def __init__(self, path: str, md5: str):
            self.path, self.md5 = path, md5

        @staticmethod
        def _get_source_type() -> str:
            return "dvc"

        def load(self) -> str:
            """The path in the working directory."""
            return str(Path(self.path).resolve(strict=True))

        @staticmethod
        def _can_resolve(raw_source: Any) -> bool:
            return False

        @classmethod
        def _resolve(cls, raw_source: Any) -> DvcSource:
            return cls(**raw_source)

        def to_dict(self) -> dict[str, Any]:
            return {"path": self.path, "md5": self.md5}

        @classmethod
        def from_dict(cls, source_dict: dict[Any, Any]) -> DvcSource:
            return cls(**source_dict)

    inputs = []
    for path, md5 in deps.items():
        if not path.startswith(("data/", "models/")):
            continue
        source = DvcSource(path, md5)
        described = MetaDataset(source=source, name=path, digest=md5[:36]).to_dict()  # type: ignore[abstract]
        profile = json.dumps({"num_rows": rows[path]}) if path in rows else None
        entity = Dataset(
            name=described["name"],
            digest=described["digest"],
            source_type=described["source_type"],
            source=described["source"],
            schema=described.get("schema"),
            profile=profile,
        )
        context = "model" if path.startswith("models/") else "training"
        inputs.append(DatasetInput(dataset=entity, tags=[InputTag("mlflow.data.context", context)]))
    return inputs
