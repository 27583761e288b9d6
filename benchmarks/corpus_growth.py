"""How the data stages grow: ten times the documents, and two cores instead of one."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import corpus, stages
from benchmarks.processes import Cost, once
from textmill.files import write_json

TITLE = "Growth and cores"
SHARDS, ROUNDS = 40, 3
SLOPES = Path(__file__).with_name("slopes.json")
NOTE = (
    "The documents of the shared corpus as ingest writes them, spread over 40 shards of equal size, against "
    "every tenth of them in 4 shards of that size. Each stage runs in a fresh process after its imports, as "
    "the pipeline runs it, finished shards kept; one core is a process bound to it. Time is CPU time where "
    "documents grow and wall time where cores do, medians of three. `tokenize` encodes every clean document. "
    "Dedup and select hold columns for every document by design: what is bounded there is bytes per "
    "document. What grows in `tokenize` is the words that gigatoken remembers, until "
    "it starts anew after 32 MB of text, five times the small corpus; after 16 MB it would take a tenth more "
    "time. Its second core has less to do than the first: gigatoken encodes one batch at a time, half of "
    "the work; its own threads would use both, for a tenth more CPU time. "
    "A process that works beside the calling one takes about 0.35 CPU seconds to start (imports, the tables "
    "of Unicode), whatever the corpus; half of that is what two cores of dedup and contamination lose. "
    "docs/scale.md computes from these slopes (benchmarks/slopes.json) what large corpora cost."
)
COLUMNS = {"dedup": 700, "select": 700}
"""Stages that hold columns for every document, and how many bytes each of them may take."""
GLOBAL = ("select",)
"""Stages that are one global step."""


def rows() -> list[tuple[str, str, str, str]]:
    """Measure: (claim, goal, measured, met)."""
    source = corpus.build()
    raw = source.with_name("raw")
    with tempfile.TemporaryDirectory(prefix="textmill-growth-") as name:
        root = Path(name)
        for folder, step, shards in (("large", 1, SHARDS), ("small", 10, SHARDS // 10)):
            stages.every(raw if raw.is_dir() else source, root / folder / "raw", step, shards)
        stages.tokenizer(source, root / "tokenizer")
        found = {name: measured(name, root) for name in stages.STAGES}
        text = corpus.text_bytes(root / "large" / "raw")
        shards = medians([(stages.dedup_shards, root / "large", cores) for cores in (1, 2)])
    write_json(SLOPES, slopes(found, text))
    grown = [row for name, costs in found.items() for row in growth(name, *costs[:2])]
    pairs = {name: costs[1:] for name, costs in found.items() if name not in GLOBAL}
    pairs |= {"dedup": shards}
    return [*grown, *(cores_claim(name, *costs) for name, costs in pairs.items())]


def measured(name: str, root: Path) -> tuple[Cost, Cost, Cost]:
    """The medians of a stage on the small corpus, on the large one, and on that with two cores."""
    work = stages.STAGES[name]
    cases = ((root / "small", 1), (root / "large", 1), (root / "large", 2))
    return medians([(work, folder, cores) for folder, cores in cases])  # type: ignore[return-value]


def medians(works: list[tuple[Callable[..., stages.Work], Path, int]]) -> tuple[Cost, ...]:
    """The medians of works that take turns."""
    costs: list[list[Cost]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for found, (work, folder, cores) in zip(costs, works, strict=True):
            found.append(once(work, folder, cores))
    return tuple(_median(found) for found in costs)


def growth(name: str, small: Cost, large: Cost) -> list[tuple[str, str, str, str]]:
    """How one stage grows: rows on time and on memory."""
    times, documents = large.value[0] / small.value[0], large.value[0] - small.value[0]
    slower = large.cpu / small.cpu
    found = [
        (
            f"{name}: {times:.0f}× the documents, CPU time",
            "≤ 11×",
            f"{slower:.1f}× ({small.cpu:.2f} s, {large.cpu:.2f} s)",
            _met(slower <= 11),
        )
    ]
    if name in COLUMNS:
        per_document = (large.most - small.most) / documents
        found.append(
            (
                f"{name}: memory per document",
                f"≤ {COLUMNS[name]} B" if name == "dedup" else "reported",
                f"{per_document:,.0f} B ({small.most / 1e6:,.0f} MB, {large.most / 1e6:,.0f} MB)",
                _met(per_document <= COLUMNS[name]) if name == "dedup" else "—",
            )
        )
    else:
        more = large.most / small.most - 1
        found.append(
            (
                f"{name}: {times:.0f}× the documents, peak memory",
                "≤ +10 %",
                f"{more:+.0%} ({small.most / 1e6:,.0f} MB, {large.most / 1e6:,.0f} MB)",
                _met(more <= 0.1),
            )
        )
    return found


def cores_claim(name: str, one: Cost, two: Cost) -> tuple[str, str, str, str]:
    """What a second core brings one stage."""
    speed = one.wall / two.wall
    return (
        f"{name}{', shard by shard' if name == 'dedup' else ''}: two cores",
        "≥ 1.7×",
        f"{speed:.2f}× ({one.wall:.2f} s, {two.wall:.2f} s; CPU time {two.cpu / one.cpu - 1:+.0%})",
        _met(speed >= 1.7),
    )


def slopes(found: dict[str, tuple[Cost, Cost, Cost]], text: int) -> dict[str, object]:
    """What each further byte of text and each further document costs, per stage."""
    documents = found["clean"][1].value[0]
    return {
        "corpus": {"documents": documents, "bytes": text},
        "stages": {
            name: {
                "documents": [small.value[0], large.value[0]],
                "cpu_seconds": [round(small.cpu, 3), round(large.cpu, 3)],
                "peak_bytes": [small.most, large.most],
                "written_bytes": [small.value[1], large.value[1]],
            }
            for name, (small, large, _) in found.items()
        },
    }


def _median(costs: list[Cost]) -> Cost:
    middle = {
        name: statistics.median(getattr(cost, name) for cost in costs)
        for name in ("wall", "cpu", "peak", "held")
    }
    return Cost(middle["wall"], middle["cpu"], int(middle["peak"]), costs[-1].value, int(middle["held"]))


def _met(true: bool) -> str:
    return "yes" if true else "no"
