"""From Parquet to packed token shards, beside `tokenizers.encode_batch` with the ids packed the same way."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import corpus
from benchmarks.processes import Cost, compared
from textmill.allocator import tune_allocator
from textmill.arrow import arrow_without_pandas
from textmill.corpus.shards import read_table, shard_paths
from textmill.tokenization.bpe import train_bpe
from textmill.tokenization.directory import load_tokenizer, save_tokenizer
from textmill.tokenization.encoding import Encoder
from textmill.tokenization.packing import open_shards, with_ends, write_shard
from textmill.tokenization.tokenize import tokenize_split

TITLE = "Tokens: Parquet to packed shards"
VOCABULARY, PARITY = 8192, 32
NOTE = (
    "Both read the same Parquet shards, encode them with the same byte-level BPE of 8,192 entries, put "
    "`<eos>` behind each document and write uint16 ids with an index. Ours is `tokenize_split` as the stage "
    "runs it, gigatoken and its parity check included; the peer is `tokenizers.encode_batch` (Rust, all "
    "cores), once as a whole and once its calls alone, without Parquet, packing and writing. Both have the "
    "allocator of the stage, their tokenizers loaded and pyarrow told not to import pandas. What bounds "
    "it, by a profile (0.98 CPU seconds on one thread, 25 times less than the peer): gigatoken's encoding "
    "55 %, reading Parquet 11 %, the parity check 7 %, writing 6 %, counting 4 %. Two threads cost a sixth "
    "more; by the clock the peer gains 1.8 from the second core, ours 1.5, because gigatoken encodes one "
    "batch at a time."
)


def rows() -> list[tuple[str, str, str, str]]:
    """Measure: (claim, goal, measured, met)."""
    source = corpus.build()
    megabytes = corpus.text_bytes(source) / 1e6
    with tempfile.TemporaryDirectory(prefix="textmill-tokens-") as folder:
        root = Path(folder)
        save_tokenizer(train_bpe(shard_paths(source), VOCABULARY, "gigatoken"), root / "tokenizer")
        found = compared(
            {
                "ours": (_ours, (source, root / "tokenizer", root / "ours")),
                "peer": (_peer, (source, root / "tokenizer", root / "peer")),
            }
        )
        differing, documents, tokens = _compare(root / "ours", root / "peer")
    ours, peer = found["ours"], found["peer"]
    alone, alone_cpu = peer.value
    speed = f"{megabytes / ours.wall:,.0f} MB/s of text, {tokens / ours.wall / 1e6:,.1f} M tokens/s"
    return [
        _ratio("wall time, whole against whole", peer.wall, ours.wall, speed),
        _ratio("CPU-seconds, whole against whole", peer.cpu, ours.cpu, _threads()),
        _ratio("wall time, whole against `encode_batch` alone", alone, ours.wall),
        _ratio("CPU-seconds, whole against `encode_batch` alone", alone_cpu, ours.cpu),
        (
            f"ids that differ, every id of {documents:,} documents compared",
            "0 of all",
            f"{differing:,} of {tokens:,}",
            "yes" if not differing else "no",
        ),
        ("peak memory beyond the libraries", "a shard", _memory(ours, peer), "—"),
    ]


def _ratio(claim: str, peer: float, ours: float, more: str = "") -> tuple[str, str, str, str]:
    measured = f"{peer / ours:.1f}× ({ours:.2f} s, peer {peer:.2f} s{'; ' + more if more else ''})"
    return claim, "≥ 25×", measured, "yes" if peer / ours >= 25 else "no"


def _threads() -> str:
    return f"both may use {os.cpu_count()} threads"


def _memory(ours: Cost, peer: Cost) -> str:
    return f"{ours.peak / 1e6:,.0f} MB, peer {peer.peak / 1e6:,.0f} MB"


def _ours(source: Path, tokenizer: Path, target: Path) -> Callable[[], int]:
    shutil.rmtree(target, ignore_errors=True)
    import awkward  # noqa: F401
    import gigatoken  # noqa: F401

    tune_allocator()
    arrow_without_pandas()
    encoder = Encoder(load_tokenizer(tokenizer))

    def work() -> int:
        return sum(1 for _ in tokenize_split(source, target, encoder, PARITY))

    return work


def _peer(source: Path, tokenizer: Path, target: Path) -> Callable[[], tuple[float, float]]:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    tune_allocator()
    arrow_without_pandas()
    loaded = load_tokenizer(tokenizer)
    loaded.encode_special_tokens = True

    def work() -> tuple[float, float]:
        wall = cpu = 0.0
        for number, path in enumerate(shard_paths(source)):
            texts = read_table(path, ["text"])["text"].to_pylist()
            wall, cpu = wall - time.perf_counter(), cpu - time.process_time()
            found = loaded.encode_batch(texts, add_special_tokens=False)
            wall, cpu = wall + time.perf_counter(), cpu + time.process_time()
            ids = [np.array(each.ids, np.uint32) for each in found]
            offsets = np.cumsum([0, *map(len, ids)])
            write_shard(target / f"part-{number:05d}.bin", *with_ends(np.concatenate(ids), offsets))
        return wall, cpu

    return work


def _compare(ours: Path, peer: Path) -> tuple[int, int, int]:
    """Ids (and documents' bounds) that differ, documents, tokens."""
    one, two = open_shards(ours), open_shards(peer)
    differing = abs(one.tokens - two.tokens) + abs(one.documents - two.documents)
    for left, right, bounds, others in zip(one.ids, two.ids, one.bounds, two.bounds, strict=True):
        if len(left) == len(right) and len(bounds) == len(others):
            differing += int((left != right).sum() + (bounds != others).sum())
    return differing, one.documents, one.tokens
