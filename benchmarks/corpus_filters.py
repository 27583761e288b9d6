"""The filter chain beside datatrove's: Gopher quality, Gopher repetition, C4 and FineWeb, to decisions."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.corpus import build, text_bytes
from benchmarks.processes import compared, once
from textmill.corpus.shards import read_table, shard_paths

TITLE = "Filters"
NOTE = (
    "From the Parquet shards of the shared corpus to one decision per document, with the thresholds that "
    "datatrove's filters have by default (conf/datatrove.yaml), one process each. datatrove's filters have "
    "words split at white space and sentences split by one regular expression, both cheaper than its own "
    "tokenizers, and a document that one filter drops is not seen by the next; textmill measures all 36 "
    "signals and the lines to cut for every document. The chains differ in what is asked of Chinese: words "
    "split at white space make nothing of it, so datatrove drops those documents early. Agreement is per "
    "filter, each asked about every document, with textmill's words given to both; datatrove's C4 filter "
    "knows neither Chinese words nor Chinese punctuation and is compared in English only."
)
TIMES, ENOUGH = 6.0, 0.999


def _shards(folder: Path, columns: list[str]) -> Iterator[pa.Table]:
    pa.set_cpu_count(1)
    for path in shard_paths(folder):
        yield read_table(path, columns)


def ours(folder: Path) -> Callable[[], int]:
    """annotate's operator and select's rules, batch by batch."""
    from tests.corpus.signals.datatrove_peer import settings
    from textmill.corpus.mapping import bounded_batches
    from textmill.corpus.selection.rules import Trials, rules_of
    from textmill.corpus.signals import annotator

    with tempfile.TemporaryDirectory() as temporary:
        annotate, select = settings(Path(temporary))
    operator, rules = annotator(annotate), rules_of(select)

    def work() -> int:
        kept = 0
        for table in _shards(folder, ["text", "lang"]):
            batches = [operator.function(batch) for batch in bounded_batches(table)]
            lang = table["lang"].combine_chunks().dictionary_encode()
            languages = lang.dictionary.to_pylist()
            nowhere = np.zeros(table.num_rows, np.int64)
            codes = lang.indices.to_numpy().astype(np.int64)
            trials = Trials(pa.Table.from_batches(batches), nowhere, codes, [""], languages)
            kept += int((trials.first_failures(rules).rule < 0).sum())
        return kept

    return work


def datatrove(folder: Path) -> Callable[[], int]:
    """The four filters one after the other, words split at white space."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    from tests.corpus.signals.datatrove_peer import Whitespace

    words = Whitespace()
    filters = [
        each(language=words)
        for each in (GopherQualityFilter, GopherRepetitionFilter, C4QualityFilter, FineWebQualityFilter)
    ]

    def work() -> int:
        kept = 0
        for table in _shards(folder, ["text"]):
            for text in table["text"].to_pylist():
                document = Document(text=text, id="")
                kept += all(each.filter(document) is True for each in filters)
        return kept

    return work


def agreement(folder: Path) -> Callable[[], dict[tuple[str, str], tuple[int, int, int, int, Any]]]:
    """Both asked about every document, filter by filter.

    Per language and filter: documents, how many datatrove keeps, how many decisions and how many reasons
    differ, and how.
    """
    from tests.corpus.signals.datatrove_peer import Words, compare, settings

    with tempfile.TemporaryDirectory() as temporary:
        params = settings(Path(temporary))

    def work() -> dict[tuple[str, str], tuple[int, int, int, int, Any]]:
        sums: Counter = Counter()
        kinds: dict[tuple[str, str], Counter] = {}
        for table in _shards(folder, ["text", "lang"]):
            texts, languages = (
                np.array(table["text"].to_pylist(), object),
                np.array(table["lang"].to_pylist()),
            )
            for language in ("en", "zh"):
                chosen = texts[languages == language].tolist()
                if not chosen:
                    continue
                found = compare(chosen, [language] * len(chosen), *params, Words())
                for name, each in found.items():
                    key = language, name
                    sums.update({(key, "n"): each.documents, (key, "kept"): each.kept})
                    sums.update({(key, "decisions"): each.decisions, (key, "reasons"): each.reasons})
                    kinds.setdefault(key, Counter()).update(each.kinds)
        return {
            key: (*(sums[key, part] for part in ("n", "kept", "decisions", "reasons")), kind.most_common(3))
            for key, kind in kinds.items()
        }

    return work


def rows() -> list[tuple[str, str, str, str]]:
    """(claim, goal, measured, met)."""
    folder = build()
    costs = compared({"ours": (ours, (folder,)), "datatrove": (datatrove, (folder,))})
    mine, theirs = costs["ours"], costs["datatrove"]
    size = text_bytes(folder) / 1e6
    times = theirs.cpu / mine.cpu
    table = [
        (
            "filter chain, CPU, against datatrove with words split at white space",
            f"≥ {TIMES:g}×",
            f"{times:.1f}× ({mine.cpu:.1f} s against {theirs.cpu:.1f} s; {size / mine.cpu:.0f} MB/s)",
            _met(times >= TIMES),
        ),
        (
            "peak memory of the chain, above the imports",
            "bounded by a batch and a shard",
            f"{mine.peak / 2**20:.0f} MiB (datatrove {theirs.peak / 2**20:.0f} MiB)",
            "–",
        ),
    ]
    for (language, name), found in sorted(once(agreement, folder).value.items()):
        if (language, name) == ("zh", "c4"):
            continue
        documents, kept, decisions, reasons, kinds = found
        share = 1 - decisions / documents
        detail = f"; {kinds}" if kinds else ""
        table.append(
            (
                f"decisions equal to datatrove's, {name}, {language}",
                f"≥ {ENOUGH:.1%}",
                f"{share:.3%} of {documents:,} ({kept:,} kept; {reasons} other reasons{detail})",
                _met(share >= ENOUGH),
            )
        )
    return table


def _met(true: bool) -> str:
    return "yes" if true else "no"
