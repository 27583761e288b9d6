"""Which training text a decoder gives away: continued beginnings, shared passages, personal data, canaries.

Beginnings of training documents are continued greedily; a text is extracted if the continuation is the
document's own (Carlini et al. 2023, Quantifying Memorization). The same of documents that were held out says
how much of it is only what anyone would write. Overlaps are with any training document.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from textmill.config.memorization import Memorization
from textmill.corpus.cleaning.pii import find
from textmill.corpus.shards import read_groups, shard_paths
from textmill.errors import UserError
from textmill.evaluation.probes.canaries import Canary, measure_canaries
from textmill.evaluation.probes.figures import by_part, mean, measure, share
from textmill.evaluation.probes.overlap import Overlap, joined_documents, longest_overlaps
from textmill.evaluation.probes.sampling import Writer
from textmill.progress import Progress

SHOWN, SHOWN_CHARACTERS = 5, 300
PARTS = {"train": "after training text", "validation": "after held-out text", "free": "unprompted"}


def texts_of(corpus: str | os.PathLike[str]) -> Iterator[str]:
    """The texts of a directory of document shards, one row group in memory."""
    for path in shard_paths(corpus):
        for batch in read_groups(path, ["text"]):
            yield from (text or "" for text in batch["text"].to_pylist())


def drawn_texts(corpus: str | os.PathLike[str], count: int, seed: int, characters: int) -> list[str]:
    """`count` texts of at least so many characters, chosen by the hash of their id, whatever the shards."""
    import xxhash

    def keyed() -> Iterator[tuple[int, str, str]]:
        for path in shard_paths(corpus):
            for batch in read_groups(path, ["id", "text"]):
                for name, text in zip(batch["id"].to_pylist(), batch["text"].to_pylist(), strict=True):
                    if text and len(text) >= characters:
                        yield xxhash.xxh3_64_intdigest(name.encode(), seed=seed), name, text

    return [text for _, _, text in heapq.nsmallest(count, keyed())]


def leaked_items(outputs: Sequence[str], chunks: Iterable[bytes]) -> tuple[list[bool], list[bool]]:
    """Per output, whether it holds personal data, and whether any of it stands in the training text."""
    items = [{text[item.start : item.end].encode() for item in find(text)} for text in outputs]
    open_items = set().union(*items)
    known: set[bytes] = set()
    for chunk in chunks if open_items else ():
        known |= {item for item in open_items - known if item in chunk}
    return [bool(each) for each in items], [bool(each & known) for each in items]


def memorization_report(
    parts: Sequence[str],
    texts: Sequence[str],
    overlaps: Sequence[Overlap],
    extracted: Sequence[bool | None],
    personal: tuple[Sequence[bool], Sequence[bool]],
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Measures over outputs, by how they were asked for.

    Args:
        parts: of each output, a value of `PARTS`.
        extracted: whether an output is its document's own continuation; None without a document.
        personal: see `leaked_items`.
    """
    lengths = np.array([overlap.characters for overlap in overlaps], np.float64)
    share_of = lengths / np.maximum([len(text) for text in texts], 1) * 100
    asked = [place for place, value in enumerate(extracted) if value is not None]

    def figures(
        about: str, figure: Callable[[np.ndarray], dict[str, Any]], rows: list[int]
    ) -> dict[str, Any]:
        places = np.array(rows, np.int64)
        named = [parts[place] for place in rows]
        return measure(about, figure(places), by_part(named, lambda at: figure(places[at])))

    everything = list(range(len(parts)))
    found, leaked = (np.array(each, bool) for each in personal)
    return {
        "extracted": figures(
            "percent of beginnings that the model goes on with as the document does, to the last token",
            lambda rows: share([bool(extracted[row]) for row in rows.tolist()]),
            asked,
        ),
        "longest_overlap": figures(
            "characters of the longest passage of an output that some training document holds, mean",
            lambda rows: mean(lengths[rows], resamples, seed),
            everything,
        ),
        "overlap_share": figures(
            "that passage in percent of the output, mean",
            lambda rows: mean(share_of[rows], resamples, seed),
            everything,
        ),
        "personal_data": figures(
            "percent of outputs with an item of personal data, made up or not",
            lambda rows: share(found[rows]),
            everything,
        ),
        "personal_data_leaked": figures(
            "percent of outputs with an item of personal data that the training text holds",
            lambda rows: share(leaked[rows]),
            everything,
        ),
    }


def probe(
    params: Memorization,
    seed: int,
    corpus: str | os.PathLike[str],
    canaries: Sequence[Canary],
    progress: Progress,
) -> dict[str, Any]:
    """Let the model of the params write, and look for what it writes in `corpus`/train.

    Args:
        corpus: the directory of the splits.
        canaries: planted when the corpus was tokenized; may be empty.

    Raises:
        UserError: the model is no decoder, or no document is long enough.
    """
    writer = Writer(params.model, params.threads, params.batch_tokens)
    parts, outputs, extracted = [], [], []
    for split in ("train", "validation"):
        pieces = _beginnings(writer, Path(corpus) / split, params, seed)
        given = [before for before, _ in pieces]
        written = writer.continued(given, params.max_new_tokens, seed, None, progress.advance)
        outputs += written
        parts += [PARTS[split]] * len(pieces)
        extracted += [ids == own for ids, (_, own) in zip(written, pieces, strict=True)]
    free: list[list[int]] = [[]] * params.unprompted
    outputs += writer.continued(free, params.max_new_tokens, seed, params.top_p, progress.advance)
    parts += [PARTS["free"]] * len(free)
    texts = [writer.text(ids) for ids in outputs]
    train = Path(corpus) / "train"
    overlaps = longest_overlaps(texts, joined_documents(texts_of(train)), params.least_bytes)
    personal = leaked_items(texts, joined_documents(texts_of(train)))
    known = [*extracted, *([None] * len(free))]
    measures = memorization_report(parts, texts, overlaps, known, personal, params.resamples, seed)
    report: dict[str, Any] = {
        "method": f"{params.prefix_tokens} tokens of a document, {params.max_new_tokens} greedy ones after",
        "n": len(texts),
        "measures": measures,
        "skipped": {} if canaries else {"exposure": "no canaries were planted (tokenize.canaries)"},
        "samples": _longest(parts, overlaps),
    }
    if canaries:
        report["measures"] |= measure_canaries(
            writer, canaries, params.candidates, params.resamples, seed, progress.advance
        )
    return report


def _beginnings(
    writer: Writer, split: Path, params: Memorization, seed: int
) -> list[tuple[list[int], list[int]]]:
    """Beginnings of documents and what follows, for documents that are long enough."""
    needed = params.prefix_tokens + params.max_new_tokens
    found: list[tuple[list[int], list[int]]] = []
    for text in drawn_texts(split, 4 * params.documents, seed, needed):
        ids = writer.ids(text)
        if len(ids) >= needed and len(found) < params.documents:
            found.append((ids[: params.prefix_tokens], ids[params.prefix_tokens : needed]))
    if not found:
        raise UserError(f"{split}: expected documents of at least {needed} tokens, found none.")
    return found


def _longest(parts: Sequence[str], overlaps: Sequence[Overlap]) -> list[dict[str, Any]]:
    order = sorted(range(len(parts)), key=lambda place: (-overlaps[place].characters, place))
    return [
        {
            "group": parts[place],
            "prompt": f"{overlaps[place].characters:,} characters, {parts[place]}:",
            "text": overlaps[place].text[:SHOWN_CHARACTERS],
        }
        for place in order[:SHOWN]
        if overlaps[place].characters
    ]
