"""Inputs larger than the memory that reading them takes."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import json, sys
from pathlib import Path
from textmill.config.ingest import Ingest
from textmill.corpus.sources.cache import Cache
from textmill.corpus.sources.ingest import ingest

settings, target, kept = Ingest.model_validate(json.loads(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3])
manifest = ingest(settings, target, None, Cache(kept, 1 << 40))
# Not getrusage: what it tells begins with the size of the process that this one was forked from.
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(manifest["bytes"], int(peak.split()[1]) * 1024)
"""

MEGABYTES = 800


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a jsonl.gz of 800 MB of text once unpacked."""
    folder = tmp_path_factory.mktemp("large") / "own" / "data"
    folder.mkdir(parents=True)
    draw = random.Random(11)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(5000)]
    words += ["磨坊", "溪水", "水轮", "面粉"] * 200
    texts = [" ".join(draw.choices(words, k=300)) for _ in range(500)]
    written = 0
    with gzip.open(folder / "large.jsonl.gz", "wb", compresslevel=1) as file:
        number = 0
        while written < MEGABYTES * 1_000_000:
            text = f"{number} {texts[number % 500]}"
            file.write(json.dumps({"text": text}, ensure_ascii=False).encode() + b"\n")
            written += len(text.encode())
            number += 1
    return folder.parent


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "most"),
    [
        ({"kind": "files", "paths": ["data/large.jsonl.gz"]}, 480),
        ({"kind": "url", "urls": ["file://{own}/data/*.gz"]}, 480),
        ({"kind": "huggingface", "path": "data"}, 720),
    ],
)
def test_peak_memory_is_less_than_the_input(
    large: Path, tmp_path: Path, root: Path, source: dict[str, Any], most: int
) -> None:
    source = json.loads(json.dumps({**source, "license": "MIT"}).replace("{own}", str(large)))
    settings = json.dumps({"local": str(large), "sources": {"own": source}})
    environment = {**os.environ, "PYTHONPATH": str(root / "src"), "HF_HOME": str(tmp_path / "hub")}
    for _ in ("read", "from the cache"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, settings, str(tmp_path / "raw"), str(tmp_path / "kept")],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        text, peak = map(int, done.stdout.split())
        assert text >= MEGABYTES * 1_000_000
        assert peak < most * 1_000_000
