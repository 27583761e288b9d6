"""A data directory as the stages before select leave it: clean, signals, duplicates, contamination."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from tests.corpus.curation_texts import NOVEL, docstrings, edited, identity, write_documents
from textmill.config.annotate import Annotate
from textmill.config.contamination import Contamination
from textmill.config.dedup import Dedup
from textmill.corpus.contamination import find_overlaps, index_rows, task_texts
from textmill.corpus.dedup import find_duplicates
from textmill.corpus.shards import read_table, shard_paths, write_table
from textmill.corpus.signals import annotator
from textmill.corpus.sources.faults import UNREADABLE


def real_data(folder: Path) -> list[str]:
    """Stages' outs for 600 docstrings and a Chinese source, with copies and evaluation rows planted.

    Returns the ids in order.
    """
    chosen = random.Random(9)
    english, chinese = list(docstrings(600)), list(NOVEL)
    copies = [edited(text, 0.01, chosen) for text in english[:120]] + english[120:150] + [NOVEL[0] + "。"]
    texts = [*english, *chinese, *copies, "", "Ceci n'est pas une phrase en anglais, mais en français."]
    source = ["library"] * 600 + ["novel"] * 4 + ["copies"] * 151 + ["odd"] * 2
    lang = ["en"] * 600 + ["zh"] * 4 + ["en"] * 150 + ["zh", "en", "fr"]
    rows = [(text, "summary") for text in english[110:130]]
    return stage_outs(folder, texts, rows, source=source, lang=lang)


def stage_outs(
    folder: Path, texts: Sequence[str], rows: Sequence[tuple[str, str]] = (), **columns: Sequence[str]
) -> list[str]:
    """Write `texts` and what the real stages find in them below `folder`; returns the ids in order."""
    ids = write_documents(folder / "clean", texts, per_shard=250, **columns)
    operator = annotator(Annotate())
    for path in shard_paths(folder / "clean"):
        (batch,) = read_table(path).combine_chunks().to_batches()
        signals = pa.Table.from_batches([operator(batch)]).select(["id", *operator.adds.names])
        write_table(folder / "signals" / path.name, signals)
    write_table(
        folder / "duplicates" / "duplicates.parquet", find_duplicates(folder / "clean", Dedup(), 1, folder)
    )
    for split in ("validation", "test"):
        table = {
            "id": pa.array([identity(("row", split, number)) for number in range(len(rows))], pa.string()),
            "input": pa.array([row[0] for row in rows], pa.large_string()),
            "target": pa.array([row[1] for row in rows], pa.large_string()),
        }
        write_table(folder / "tasks" / "summarization" / f"{split}.parquet", pa.table(table))
    params = Contamination()
    unseen = index_rows(task_texts(folder / "tasks", ["summarization"], params.splits), params)
    found = find_overlaps(folder / "clean", unseen)
    write_table(folder / "contamination" / "contamination.parquet", found.documents)
    write_table(folder / "raw" / "unreadable.parquet", UNREADABLE.empty_table())
    write_table(folder / "contamination" / "rows.parquet", found.texts(unseen))
    return ids
