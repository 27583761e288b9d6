"""The data stages as works of `benchmarks.processes`, on parts of the shared corpus in shards of one size."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from textmill.allocator import tune_allocator
from textmill.config.annotate import Annotate
from textmill.config.clean import Clean
from textmill.config.contamination import Contamination
from textmill.config.dedup import Dedup
from textmill.config.select import Select
from textmill.corpus.engines import Local
from textmill.corpus.shards import count_rows, read_batches, shard_name, shard_paths, write_table
from textmill.corpus.sources.faults import UNREADABLE

Work = Callable[[], tuple[int, int]]
"""Does a stage; returns how many documents it read and how many bytes it wrote."""

UNSEEN = 500


def every(source: Path, target: Path, step: int, shards: int) -> int:
    """Write every `step`-th document of `source` to `target`, spread over `shards` of it; return how many.

    Document i goes to shard i mod `shards`, so that all of them have one size and one mix of sources.
    """
    batches = list(read_batches(source))
    table = pa.Table.from_batches(batches)
    table = table.take(pa.array(np.arange(0, table.num_rows, step)))
    places = np.arange(table.num_rows)
    write_table(target / "unreadable.parquet", UNREADABLE.empty_table())
    for shard in range(shards):
        write_table(target / shard_name(shard), table.take(pa.array(places[shard::shards])))
    return table.num_rows


def on_cores(cores: int) -> None:
    """Let this process, and those it starts, run on so many cores only."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def clean(folder: Path, cores: int) -> Work:
    """raw → clean."""
    on_cores(cores)
    from textmill.corpus.cleaning.pipeline import cleaner
    from textmill.corpus.mapping import map_shards

    operator, kept = cleaner(Clean()), folder / "finished"
    source, target = folder / "raw", folder / "clean"

    def work() -> tuple[int, int]:
        rows = map_shards(operator, source, target, engine=Local(cores), finished=kept)
        return rows, size(target)

    return work


def annotate(folder: Path, cores: int) -> Work:
    """clean → signals."""
    on_cores(cores)
    from textmill.corpus.mapping import map_shards
    from textmill.corpus.signals import annotator

    operator, kept = annotator(Annotate()), folder / "finished"
    source, target = folder / "clean", folder / "signals"

    def work() -> tuple[int, int]:
        rows = map_shards(operator, source, target, keep=["id"], engine=Local(cores), finished=kept)
        return rows, size(target)

    return work


def dedup(folder: Path, cores: int) -> Work:
    """clean → duplicates, nothing known of any shard."""
    on_cores(cores)
    tune_allocator()
    from textmill.corpus.dedup import find_duplicates

    target, index = folder / "duplicates", folder / "index"
    target.mkdir(exist_ok=True)
    shutil.rmtree(index, ignore_errors=True)

    def work() -> tuple[int, int]:
        found = find_duplicates(folder / "clean", Dedup(), 1, target, index=index, engine=Local(cores))
        write_table(target / "duplicates.parquet", found)
        return count_rows(folder / "clean"), size(target)

    return work


def dedup_shards(folder: Path, cores: int) -> Work:
    """The part of dedup that is done shard by shard."""
    on_cores(cores)
    tune_allocator()
    from textmill.corpus.dedup.index import Index

    root = folder / "index"
    shutil.rmtree(root, ignore_errors=True)
    index = Index(root, Dedup(), 1)

    def work() -> tuple[int, int]:
        index.folder.mkdir(exist_ok=True)
        made = Local(cores).map("dedup", index.made, shard_paths(folder / "clean"))
        return sum(documents for _, (_, documents) in made), size(root)

    return work


def contamination(folder: Path, cores: int) -> Work:
    """clean and rows that must stay unseen, which are some of its documents → contamination."""
    on_cores(cores)
    tune_allocator()
    from textmill.corpus.contamination import TEXT, find_overlaps, index_rows

    target = folder / "contamination"
    batch = next(read_batches(folder / "clean", ["id", "text"], UNSEEN))
    columns = {"id": batch["id"], "text": batch["text"], "set": pa.array(["held out"] * batch.num_rows)}
    constant = pa.array(["text"] * batch.num_rows)
    table = pa.table([columns.get(field.name, constant).cast(field.type) for field in TEXT], schema=TEXT)
    kept = folder / "finished"

    def work() -> tuple[int, int]:
        rows = index_rows(table, Contamination())
        found = find_overlaps(folder / "clean", rows, engine=Local(cores), finished=kept)
        write_table(target / "contamination.parquet", found.documents)
        return count_rows(folder / "clean"), size(target)

    return work


def select(folder: Path, cores: int) -> Work:
    """All findings → corpus and ledger."""
    on_cores(cores)
    from textmill.corpus.selection.ledger import write_ledger
    from textmill.corpus.selection.select import select as decide
    from textmill.corpus.selection.select import write_corpus

    def work() -> tuple[int, int]:
        found = decide(folder, Select(), 1)
        write_corpus(folder / "clean", folder / "corpus", found)
        write_ledger(folder / "ledger" / "ledger.parquet", found.ledger)
        return count_rows(folder / "clean"), size(folder / "corpus") + size(folder / "ledger")

    return work


def tokenize(folder: Path, cores: int) -> Work:
    """clean → tokens: every document, so that the work does not depend on what select keeps."""
    on_cores(cores)
    import awkward  # noqa: F401
    import gigatoken  # noqa: F401

    from textmill.allocator import tune_allocator
    from textmill.arrow import arrow_without_pandas
    from textmill.tokenization.directory import load_tokenizer
    from textmill.tokenization.encoding import Encoder
    from textmill.tokenization.tokenize import tokenize_split

    tune_allocator()
    arrow_without_pandas()
    tokenizer, target = load_tokenizer(folder.parent / "tokenizer"), folder / "tokens"
    shutil.rmtree(target, ignore_errors=True)

    def work() -> tuple[int, int]:
        for _ in tokenize_split(folder / "clean", target, Encoder(tokenizer), 32):
            pass
        return count_rows(folder / "clean"), size(target)

    return work


STAGES = {
    "clean": clean,
    "annotate": annotate,
    "dedup": dedup,
    "contamination": contamination,
    "select": select,
    "tokenize": tokenize,
}
"""In the order in which one needs what the others write."""


def tokenizer(source: Path, target: Path) -> None:
    """Train the tokenizer that `tokenize` uses."""
    from textmill.tokenization.bpe import train_bpe
    from textmill.tokenization.directory import save_tokenizer

    save_tokenizer(train_bpe(shard_paths(source), 8192, "gigatoken"), target)


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
