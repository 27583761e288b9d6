"""The gate on 95,000 real and a million drawn documents, beside Great Expectations given the text itself."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import corpus
from benchmarks.processes import compared, once
from textmill.config.annotate import Annotate
from textmill.config.load import load_section
from textmill.config.validate import Validate
from textmill.corpus.mapping import map_shards
from textmill.corpus.shards import count_rows, shard_paths, write_table
from textmill.corpus.signals import annotator
from textmill.corpus.validation.drift import drift
from textmill.corpus.validation.expectations import check_expectations
from textmill.corpus.validation.frames import StatsFrames
from textmill.corpus.validation.library import import_library
from textmill.corpus.validation.profile import profile
from textmill.files import write_json

TITLE = "Validation: the gate before training"
ROOT = Path(__file__).resolve().parents[1]
MILLION = 1_000_000
NOTE = (
    "The gate is what the stage `validate` does after its imports, with the expectations of params.yaml: "
    "read the corpus and its signals, count them into stats frames, profile the corpus, compare it with an "
    "accepted one, check with Great Expectations and write its pages. The peer is Great Expectations on a "
    "frame with the text of the same documents: ten expectations, of which six look at the text, and neither "
    "signals, drift nor pages. Each runs in one process, after its imports; ours freezes what the import "
    "made (gc.freeze), as the stage does."
)


def rows() -> list[tuple[str, str, str, str]]:
    """Measure: (claim, goal, measured, met)."""
    with tempfile.TemporaryDirectory(prefix="textmill-validation-") as folder:
        root = Path(folder)
        documents = _prepare(root)
        found = compared({"ours": (_gate, (root,)), "peer": (_peer, (root,))})
        million = once(_drawn, root)
    ours, peer = found["ours"], found["peer"]
    each = ours.wall / documents * 100_000
    return [
        (
            f"gate on {documents:,} real documents, per 100,000",
            "≤ 1 s",
            f"{each:.2f} s ({ours.value} expectations; {ours.cpu / documents * 1e5:.2f} CPU-seconds)",
            _met(each <= 1),
        ),
        (
            "gate on 1,000,000 drawn documents and 30 signals, per 100,000",
            "≤ 1 s",
            f"{million.wall / 10:.2f} s ({million.value} expectations; {million.cpu / 10:.2f} CPU-seconds, "
            f"peak {million.peak / 1e6:,.0f} MB)",
            _met(million.wall / 10 <= 1),
        ),
        (
            "against Great Expectations on the text, CPU-seconds",
            "—",
            f"{peer.cpu / ours.cpu:.1f}× ({ours.cpu:.2f} s, peer {peer.cpu:.2f} s for {peer.value} of them)",
            "—",
        ),
        (
            "peak memory",
            "—",
            f"{ours.peak / 1e6:,.0f} MB, peer {peer.peak / 1e6:,.0f} MB",
            "—",
        ),
    ]


def _met(true: bool) -> str:
    return "yes" if true else "no"


def _prepare(root: Path) -> int:
    """The shared corpus as select would leave it, its signals, and two small task tables."""
    source = corpus.build()
    paths = shard_paths(source)
    for number, path in enumerate(paths):
        split = "validation" if number == len(paths) - 1 else "train"
        target = root / "corpus" / split / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path)
    map_shards(annotator(Annotate()), source, root / "signals", keep=["id"], workers=os.cpu_count() or 1)
    for split, count in (("train", 2000), ("validation", 200), ("test", 500)):
        numbers = range(count)
        table = {
            "id": [f"{split}{number}" for number in numbers],
            "input": [f"{split} 句子 number {number}" for number in numbers],
            "target": [("negative", "positive")[number % 2] for number in numbers],
        }
        write_table(root / f"tasks/sentiment/{split}.parquet", pa.table(table))
    write_json(root / "tasks/sentiment/task.json", {"kind": "classification"})
    return count_rows(source)


def _checked(root: Path, frames: StatsFrames, accepted: dict[str, Any] | None) -> int:
    current = profile(frames)
    frames.add("drift", drift(accepted or current, current))
    expectations = load_section(Validate, "validate", ROOT / "params.yaml").expectations
    report = check_expectations(expectations, frames, root / "data_docs")
    return len(report["expectations"])


def _gate(root: Path) -> Callable[[], int]:
    import_library()

    def work() -> int:
        return _checked(root, StatsFrames(root / "corpus", root / "signals", root / "tasks"), None)

    return work


def _drawn(root: Path) -> Callable[[], int]:
    """A million documents that were never text: only what the frames hold of them."""
    import_library()
    random = np.random.default_rng(7)
    ids = pa.array([f"{number:032x}" for number in range(MILLION)])
    chinese = random.random(MILLION) < 0.1
    words = np.exp(random.normal(5, 0.9, MILLION)).astype(np.int64) + 1
    documents = pa.table(
        {
            "id": ids,
            "split": np.where(np.arange(MILLION) % 50 == 0, "validation", "train"),
            "source": np.where(chinese, "novel", "letters"),
            "lang": np.where(chinese, "zh", "en"),
            "license": np.full(MILLION, "MIT"),
            "characters": words * 6,
        }
    )
    signals = {"id": ids, "words": words} | {
        f"signal_{number}": random.beta(2, 5, MILLION) if number % 2 else random.poisson(9, MILLION)
        for number in range(29)
    }
    kept = pa.table(signals)

    def work() -> int:
        frames = StatsFrames(root / "corpus", root / "signals", root / "tasks")
        frames.add("documents", documents)
        frames.add("signals", kept)
        return _checked(root, frames, None)

    return work


def _peer(root: Path) -> Callable[[], int]:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    def work() -> int:
        paths = sorted((root / "corpus").rglob("*.parquet"))
        tables = [pq.read_table(path, columns=["id", "text", "source", "lang", "license"]) for path in paths]
        frame = pa.concat_tables(tables).to_pandas()
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        suite = context.suites.add(gx.ExpectationSuite(name="text"))
        expect = gx.expectations
        for expectation in (
            expect.ExpectColumnValuesToNotBeNull(column="id"),
            expect.ExpectColumnValuesToBeUnique(column="id"),
            expect.ExpectColumnValueLengthsToBeBetween(column="license", min_value=1),
            expect.ExpectColumnValuesToBeInSet(column="lang", value_set=["en", "zh"], mostly=0.5),
            expect.ExpectColumnValuesToNotBeNull(column="text"),
            expect.ExpectColumnValueLengthsToBeBetween(column="text", min_value=1, max_value=100_000),
            expect.ExpectColumnValuesToMatchRegex(column="text", regex=r"\w"),
            expect.ExpectColumnValuesToNotMatchRegex(column="text", regex=r"lorem ipsum", mostly=0.9),
            expect.ExpectColumnValuesToNotMatchRegex(column="text", regex=r"^\s", mostly=0.9),
            expect.ExpectColumnProportionOfUniqueValuesToBeBetween(column="text", min_value=0.1),
        ):
            suite.add_expectation(expectation)
        asset = context.data_sources.add_pandas("text").add_dataframe_asset("text")
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch(
            batch_parameters={"dataframe": frame}
        )
        return len(batch.validate(suite).results)

    return work
