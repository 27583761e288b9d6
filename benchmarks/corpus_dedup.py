"""Near-duplicates: speed and quality beside the peers, memory, and what added documents cost."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks import dedup_peers as peers
from benchmarks.corpus import build, text_bytes
from benchmarks.dedup_truth import true_members
from benchmarks.processes import Cost, compared, once
from textmill.allocator import tune_allocator
from textmill.corpus.shards import count_rows, read_table, shard_name, shard_paths, write_table

TITLE = "Duplicates"
NOTE = """Each tool reads the same Parquet shards and ends with its clusters, in a process of its own, on one
thread; CPU seconds, medians of 3 (datatrove: one run). Imports are not counted. rensa and datasketch get the
shingles that textmill uses (5 words, a Chinese character is a word), made by a compiled regular expression:
R-MinHash of 128 values in 16 bands with estimates of at least 0.8; MinHashLSH(threshold=0.8, num_perm=128)
with xxh32. datatrove cuts words at white space, of which Chinese has none, so there it looks at clauses; it
also writes the kept documents again. Daft: 126 hashes of 5 words, 21 bands of 6, unverified, after its own
`normalize`. Precision and recall count documents that are in a cluster with another one, against all pairs
of Jaccard similarity 0.8 in the whole corpus (prefix filtering, exact counts, no code shared with textmill).
datatrove and Daft tell words apart differently, so some of what they are charged with is another definition.
Memory is peak resident memory for all shards less that for the first, over the documents between them.
It is a difference of two peaks and varies, from 550 to 860 bytes; by ten times the documents in shards of
one size (Growth and cores) it is 676.
What bounds an added shard, by a profile (85 ms of 2.4 CPU seconds, 3.5 %, on a busy machine): 35 % is its
own analysis, of which half is the work (0.7 % of a full run) and half the first touch of memory and the
tables of a fresh process; 28 % are lookups and the exact verification of some 1,200 candidates, nine in ten
of which are rejected; 22 % the table of all duplicates, which is made whole and holds half of this corpus;
15 % hashing the shards and checking the index."""

_GOALS = {"rensa": 2.0, "datasketch": 4.0, "datatrove": 8.0, "daft": 1.0}
_NAMES = {"daft": "Daft, unverified (stretch)"}


def rows() -> list[tuple[str, str, str, str]]:
    """Measure: (claim, goal, measured, met)."""
    folder = build()
    documents, megabytes = count_rows(folder), text_bytes(folder) / 1e6
    truth = _bits(true_members(str(folder)), documents)
    works = {
        name: (getattr(peers, name), (str(folder),)) for name in ("textmill", "rensa", "datasketch", "daft")
    }
    costs = {**compared(works), "datatrove": once(peers.datatrove, str(folder))}
    ours = costs["textmill"]
    table = [
        (
            f"near-duplicates in {megabytes:.0f} MB, {documents:,} documents",
            "",
            f"{ours.cpu:.1f} CPU s, {ours.wall:.1f} s, {megabytes / ours.cpu:.0f} MB per CPU s",
            "",
        )
    ]
    for name, goal in _GOALS.items():
        ratio = costs[name].cpu / ours.cpu
        measured = f"{ratio:.1f}× ({costs[name].cpu:.1f} CPU s, {costs[name].wall:.1f} s)"
        table.append((f"against {_NAMES.get(name, name)}", f"≥ {goal:g}×", measured, _met(ratio >= goal)))
    for name, cost in costs.items():
        precision, recall = _quality(_bits(cost.value, documents), truth)
        met = _met(precision >= 0.999 and recall >= 0.997) if name == "textmill" else ""
        goal = "≥ 0.999, ≥ 0.997" if name == "textmill" else ""
        table.append((f"document precision, recall: {name}", goal, f"{precision:.4f}, {recall:.4f}", met))
    return [*table, _memory(folder, documents, ours), *_growth(folder)]


def _bits(packed: bytes, documents: int) -> np.ndarray:
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=documents).astype(bool)


def _quality(found: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    both = int((found & truth).sum())
    return both / max(int(found.sum()), 1), both / max(int(truth.sum()), 1)


def _memory(folder: Path, documents: int, whole: Cost) -> tuple[str, str, str, str]:
    with tempfile.TemporaryDirectory() as name:
        first = shutil.copy(shard_paths(folder)[0], name)
        batch = compared({"batch": (peers.textmill, (name,))})["batch"]
        rest = documents - read_table(first, ["id"]).num_rows
    each = (whole.peak - batch.peak) / rest
    measured = (
        f"{each:.0f} bytes per document ({whole.peak / 2**20:.0f} MiB, one shard {batch.peak / 2**20:.0f})"
    )
    return "memory beyond one batch", "≤ 700 bytes per document", measured, _met(each <= 700)


def indexed(folder: str, index: str | None, seeded: str | None) -> Callable[[], int]:
    """Find duplicates with an index that starts as a copy of `seeded`."""
    import scipy.sparse.csgraph  # noqa: F401

    from textmill.config.dedup import Dedup
    from textmill.corpus.code_points import characters
    from textmill.corpus.dedup import find_duplicates

    # As the stage does.
    tune_allocator()
    pa.set_cpu_count(1)
    # What Unicode says of each character is loaded once per process, as imports are.
    characters(pa.array(["…"], pa.large_string()))
    if index is not None:
        shutil.rmtree(index, ignore_errors=True)
        if seeded is not None:
            shutil.copytree(seeded, index)

    def work() -> int:
        with tempfile.TemporaryDirectory() as scratch:
            return find_duplicates(folder, Dedup(), 7, scratch, index=index).num_rows

    return work


def _growth(folder: Path) -> list[tuple[str, str, str, str]]:
    """99 of 100 documents are indexed; then a shard with the others comes."""
    with tempfile.TemporaryDirectory() as name:
        old, all_, seeded, index = (Path(name) / each for each in ("old", "all", "seeded", "index"))
        table = pa.concat_tables([read_table(path, ["id", "text"]) for path in shard_paths(folder)])
        added = np.random.default_rng(5).random(table.num_rows) < 0.01
        kept = table.filter(pa.array(~added))
        for place, start in enumerate(range(0, kept.num_rows, 20_000)):
            for target in (old, all_):
                write_table(target / shard_name(place), kept.slice(start, 20_000))
        write_table(all_ / shard_name(place + 1), table.filter(pa.array(added)))
        once(indexed, str(old), str(seeded), None)
        works = {
            "without": (indexed, (str(all_), None, None)),
            "building": (indexed, (str(all_), str(index), None)),
            "adding": (indexed, (str(all_), str(index), str(seeded))),
        }
        costs = compared(works)
    full, building, adding = (costs[each] for each in works)
    assert full.value == building.value == adding.value
    share = adding.cpu / full.cpu
    return [
        ("building the index", "", f"{building.cpu / full.cpu - 1:+.0%} ({building.cpu:.2f} CPU s)", ""),
        (
            "1 % of the documents added, with the index",
            "≤ 3 % of a full run",
            f"{share:.1%} ({adding.cpu:.3f} of {full.cpu:.2f} CPU s)",
            _met(share <= 0.03),
        ),
    ]


def _met(true: bool) -> str:
    return "yes" if true else "no"
