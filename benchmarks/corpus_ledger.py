"""What the ledger costs, and how long what-if takes: select with and without it on the shared corpus ×10."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.corpus import build
from benchmarks.processes import once
from textmill.config.annotate import Annotate
from textmill.config.dedup import Dedup
from textmill.config.select import Select
from textmill.corpus.contamination.overlaps import OVERLAP
from textmill.corpus.dedup import find_duplicates
from textmill.corpus.mapping import map_shards
from textmill.corpus.selection.ledger import write_ledger
from textmill.corpus.shards import read_table, shard_name, shard_paths, write_table
from textmill.corpus.signals import annotator
from textmill.corpus.sources.faults import UNREADABLE

TITLE = "Ledger and what-if"
NOTE = (
    "The corpus is the shared one, ten times over with other ids (a million documents, of which every second "
    "is dropped); contamination is empty. The ledger's part is the time of making and writing its table. "
    "What-if runs in a fresh process, imports not counted."
)
COPIES, DOCUMENTS = 10, 1_000_000
PARAMS = {
    "gopher": {"min_words": 20, "min_stop_words": 1},
    "c4": {"min_sentences": 1, "max_curly_brackets": None},
    "by_language": {"zh": {"gopher": {"min_mean_word_length": None}}},
}


def rows() -> list[tuple[str, str, str, str]]:
    """(claim, goal, measured, met) for each."""
    with tempfile.TemporaryDirectory(prefix="textmill-ledger-") as scratch:
        ledger, rest = ledger_cost(Path(scratch))
        seconds = whatif_seconds(Path(scratch))
    return [
        (
            "CPU time that the ledger adds to select",
            "≤ 5 %",
            f"{100 * ledger / rest:.1f} % ({ledger:.2f} s on {rest:.2f} s)",
            "yes" if ledger <= 0.05 * rest else "no",
        ),
        (
            f"one what-if on {DOCUMENTS:,} documents",
            "≤ 10 s",
            f"{seconds:.1f} s",
            "yes" if seconds <= 10 else "no",
        ),
    ]


def ledger_cost(scratch: Path, rounds: int = 3) -> tuple[float, float]:
    """CPU seconds that making and writing the ledger takes, and those of the rest of select: medians.

    Both are taken in one run, so that what else the machine does hits them alike.

    Args:
        scratch: an empty directory with about 400 MB of room.
        rounds: how often it is run.
    """
    data = multiplied(scratch / "data", COPIES)
    costs = [once(_selection, str(data), str(scratch / "out")) for _ in range(rounds)]
    shutil.rmtree(data)
    ledger = statistics.median(cost.value for cost in costs)
    return ledger, statistics.median(cost.cpu - cost.value for cost in costs)


def multiplied(target: Path, copies: int) -> Path:
    """The outs of clean, annotate, dedup and contamination for the shared corpus, `copies` times over.

    The first copy is analysed; the others get the same findings under ids of their own.
    """
    clean = build()
    one = target.with_name("one")
    map_shards(annotator(Annotate()), clean, one / "signals", keep=["id"], workers=os.cpu_count() or 1)
    duplicates = find_duplicates(clean, Dedup(), 1, one)
    shards = len(shard_paths(clean))
    found = []
    for copy in range(copies):
        for place, path in enumerate(shard_paths(clean)):
            name = shard_name(copy * shards + place)
            for kind, source in (("clean", path), ("signals", one / "signals" / path.name)):
                write_table(target / kind / name, _renamed(read_table(source), ["id"], copy))
        found.append(_renamed(duplicates, ["id", "cluster", "representative", "identical"], copy))
    write_table(target / "duplicates" / "duplicates.parquet", pa.concat_tables(found))
    write_table(target / "contamination" / "contamination.parquet", OVERLAP.empty_table())
    write_table(target / "raw" / "unreadable.parquet", UNREADABLE.empty_table())
    shutil.rmtree(one)
    return target


def _renamed(table: pa.Table, columns: list[str], copy: int) -> pa.Table:
    """The table with ids whose last two digits are mixed with the number of the copy."""
    import pyarrow.compute as pc

    for name in columns:
        ids = table[name].cast(pa.string())
        changed = pc.binary_join_element_wise(f"{copy:02x}", pc.utf8_slice_codeunits(ids, 0, 30), "")
        table = table.set_column(table.column_names.index(name), name, changed)
    return table


def _selection(data: str, target: str) -> Callable[[], float]:
    """Select and write, as pipelines/select.py does; returns the CPU seconds of the ledger."""
    from textmill.corpus.selection import select as module

    params = Select.model_validate(PARAMS)
    spent = [0.0]

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            before = time.process_time()
            value = function(*arguments)
            spent[0] += time.process_time() - before
            return value

        return call

    module.ledger_of = timed(module.ledger_of)

    def work() -> float:
        chosen = module.select(data, params, 1)
        module.write_corpus(f"{data}/clean", f"{target}/corpus", chosen)
        timed(write_ledger)(f"{target}/ledger/ledger.parquet", chosen.ledger)
        return spent[0]

    return work


def whatif_seconds(scratch: Path) -> float:
    """Wall seconds that one what-if takes on a million documents of made-up signals, in a fresh process."""
    data = made_up(scratch / "many", DOCUMENTS)
    cost = once(_whatif, str(data))
    shutil.rmtree(data)
    return cost.wall


def made_up(target: Path, documents: int, per_shard: int = 50_000) -> Path:
    """Documents without text, random signals in plausible ranges, a tenth in pairs of duplicates."""
    draw = np.random.default_rng(1)
    names = [name for name in annotator(Annotate()).adds.names if name != "id"]
    ids: list[str] = []
    for number, start in enumerate(range(0, documents, per_shard)):
        count = min(per_shard, documents - start)
        fresh = [draw.bytes(16).hex() for _ in range(count)]
        ids += fresh
        about = {
            "id": fresh,
            "source": np.array(["web", "books", "chat", "code"])[draw.integers(0, 4, count)],
            "lang": np.array(["en", "zh", "fr"])[draw.choice(3, count, p=[0.7, 0.2, 0.1])],
        }
        write_table(target / "clean" / shard_name(number), pa.table(about))
        signals = {name: draw.gamma(1.0, 0.05, count) for name in names}
        for name in ("characters", "words", "gopher_words", "c4_sentences"):
            signals[name] = draw.integers(1, 4000, count)
        signals["gopher_mean_word_length"] = draw.normal(4.7, 0.8, count)
        signals["gopher_alpha_words"] = 1 - signals["gopher_alpha_words"] / 4
        signals["gopher_stop_words"] = draw.integers(0, 9, count)
        write_table(target / "signals" / shard_name(number), pa.table({"id": fresh, **signals}))
    twins = ids[: documents // 10]
    first = [min(pair) for pair in zip(twins[::2], twins[1::2], strict=True) for _ in pair]
    table = {"id": twins, "cluster": first, "representative": first, "identical": twins}
    kinds = {"kind": ["near"] * len(twins), "jaccard": pa.array([0.9] * len(twins), pa.float32())}
    write_table(target / "duplicates" / "duplicates.parquet", pa.table({**table, **kinds}))
    write_table(target / "contamination" / "contamination.parquet", OVERLAP.empty_table())
    return target


def _whatif(data: str) -> Callable[[], int]:
    from textmill.corpus.whatif.difference import difference
    from textmill.corpus.whatif.outcomes import changed, outcomes

    now = Select.model_validate(PARAMS)
    then = Select.model_validate({**PARAMS, "gopher": {"min_words": 60, "min_stop_words": 1}})

    def work() -> int:
        before, after = outcomes(data, [now, then], 1)
        difference(before.funnel, after.funnel)
        return changed(before, after).num_rows

    return work
