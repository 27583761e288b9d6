"""Deduplication judged by itself: copies of real documents, edited to a known similarity, are looked for."""

from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import regex
import xxhash

from textmill.config.dedup import Dedup
from textmill.corpus.dedup.analysis import analyse_table
from textmill.corpus.dedup.clustering import Clustering, extended
from textmill.corpus.dedup.clusters import id_strings
from textmill.corpus.dedup.entries import Entry, Sorted
from textmill.corpus.shards import read_batches
from textmill.corpus.shingle_sets import ShingleSpool
from textmill.corpus.shingles import Int64s

_ALONE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Myanmar}\p{Khmer}"
_TOKEN = regex.compile(rf"[{_ALONE}]|[[\p{{L}}\p{{M}}\p{{N}}]--[{_ALONE}]]+", regex.V1)
_FEWEST_SHINGLES = 80
_BELOW = 0.2
"""Near-misses are planted down to this far below the threshold."""


@dataclass(frozen=True)
class Plant:
    """A copy of document `original` (its place in the corpus) with a known Jaccard similarity to it."""

    original: int
    text: str
    jaccard: float


def quality_of(
    clean: str | os.PathLike[str],
    entries: Sequence[Entry],
    clustering: Clustering,
    params: Dedup,
    seed: int,
    scratch: str | os.PathLike[str],
) -> dict[str, Any]:
    """Plant near-duplicates and near-misses, and see which are found. The clustering stays as it is.

    The copies go through the same analysis, bands and verification as documents do, beside the whole corpus.
    What their similarity is, is counted here on sets of strings.

    Args:
        clean: directory of document shards, from which the entries were made.
        entries, clustering: of the corpus.
        params: `plant` of each kind are planted, or as many as there are fit documents without duplicates.
        seed: chooses the documents and the edits.
        scratch: directory for temporary data.

    Returns:
        ``planted``, ``found``, ``near_misses``, ``wrongly_found``; ``recall`` and ``precision``, each with
        ``value``, ``low``, ``high`` (95 %, Wilson 1927; null without a case); and ``by_similarity``, a list
        of ``from``, ``to``, ``planted``, ``found``.
    """
    ids = np.concatenate([entry.found.ids for entry in entries])
    bases = np.cumsum([0, *(entry.texts for entry in entries)]).tolist()
    text = np.concatenate(
        [clustering.text[entry.found.text + base] for entry, base in zip(entries, bases, strict=False)]
    )
    fit = _fit(entries, clustering, text)
    order = [xxhash.xxh3_64_intdigest(name, seed=seed) for name in ids[fit].tolist()]
    chosen = fit[np.argsort(np.array(order, np.uint64), kind="stable")][: 2 * params.plant]
    plants = _plants(clean, ids, chosen, params, seed)
    joined = _joined(plants, entries, clustering, text, params, seed, scratch)
    return _report(plants, joined, params.threshold)


def _fit(entries: Sequence[Entry], clustering: Clustering, text: Int64s) -> Int64s:
    """Documents that are alone in their component and long enough to be edited finely."""
    component = clustering.component[text]
    alone = np.bincount(component, minlength=1)[component] == 1 if len(component) else np.zeros(0, bool)
    sizes = np.concatenate([entry.found.sizes[entry.found.text] for entry in entries])
    return np.flatnonzero(alone & (sizes >= _FEWEST_SHINGLES))


def _plants(
    clean: str | os.PathLike[str], ids: np.ndarray, chosen: Int64s, params: Dedup, seed: int
) -> list[Plant]:
    wanted = id_strings(ids[np.sort(chosen)])
    texts: dict[str, str] = {}
    for batch in read_batches(clean, ["id", "text"]):
        part = batch.filter(pc.is_in(batch.column("id"), wanted))
        texts.update(zip(part.column("id").to_pylist(), part.column("text").to_pylist(), strict=True))
    plants = []
    for place, document in enumerate(chosen.tolist()):
        share = (place // 2 + 0.5) / max(len(chosen) // 2, 1)
        near = place % 2 == 0
        room = 1 - params.threshold if near else -min(_BELOW, params.threshold / 2)
        name = ids[document].decode()
        plant = _edited(texts[name], params.threshold + share * room, params, near, (seed, name))
        if plant is not None:
            plants.append(Plant(document, *plant))
    return plants


def _edited(
    text: str, target: float, params: Dedup, near: bool, key: tuple[int, str]
) -> tuple[str, float] | None:
    """The text with tokens replaced, its similarity about `target` and on that side of the threshold."""
    spans = [match.span() for match in _TOKEN.finditer(text)]
    chosen = np.random.Generator(np.random.PCG64(xxhash.xxh3_64_intdigest(key[1].encode(), seed=key[0])))
    order = chosen.permutation(len(spans)).tolist()
    original = _shingles(text, params.shingle)
    best: tuple[str, float] | None = None
    edits = max(round(len(spans) * (1 - target) / (params.shingle * (1 + target))), 1)
    for count in range(edits, 2 * edits + 8) if not near else range(edits, 0, -1):
        copy = _replaced(text, spans, sorted(order[:count]), key[1])
        found = _shingles(copy, params.shingle)
        best = copy, len(original & found) / len(original | found)
        if (best[1] >= params.threshold) == near:
            return best
    return None


def _replaced(text: str, spans: list[tuple[int, int]], places: list[int], name: str) -> str:
    parts, last = [], 0
    for place in places:
        start, end = spans[place]
        digest = xxhash.xxh3_64_intdigest(f"{name} {place}".encode())
        # Nothing else in the corpus holds these: a made-up word, or a rare Han character.
        rare = chr(0x20000 + digest % 0xA000)
        parts += [
            text[last:start],
            rare if regex.fullmatch(rf"[{_ALONE}]", text[start:end]) else f"q{digest:x}",
        ]
        last = end
    return "".join([*parts, text[last:]])


def _shingles(text: str, size: int) -> set[tuple[str, ...]]:
    words = _TOKEN.findall(unicodedata.normalize("NFKC", text).lower())
    return {tuple(words[place : place + size]) for place in range(max(len(words) - size + 1, 1))}


def _joined(
    plants: list[Plant],
    entries: Sequence[Entry],
    clustering: Clustering,
    text: Int64s,
    params: Dedup,
    seed: int,
    scratch: str | os.PathLike[str],
) -> np.ndarray:
    """Which plants are in one component with their original."""
    if not plants:
        return np.zeros(0, bool)
    table = pa.table(
        {
            "id": pa.array([f"{place:032x}" for place in range(len(plants))], pa.string()),
            "text": pa.array([plant.text for plant in plants], pa.large_string()),
        }
    )
    with ShingleSpool(scratch) as spool:
        found = analyse_table(table, params, seed, spool.append)
        begin = np.cumsum(found.sizes) - found.sizes
        planted = Entry(found, spool.sealed(), begin, Sorted.of(found))
        old = [
            entry if entry.sorted else Entry(entry.found, entry.shingles, entry.begin, Sorted.of(entry.found))
            for entry in entries
        ]
        after = extended(clustering, old, [planted], params.threshold)
    numbers = after.text[len(clustering.text) + found.text]
    originals = text[np.array([plant.original for plant in plants])]
    return after.component[numbers] == after.component[originals]


def _report(plants: list[Plant], joined: np.ndarray, threshold: float) -> dict[str, Any]:
    jaccard = np.array([plant.jaccard for plant in plants])
    near = jaccard >= threshold
    found, wrong = int((near & joined).sum()), int((~near & joined).sum())
    edges = np.linspace(max(threshold - _BELOW, 0), 1, 9)
    bins = np.clip(np.searchsorted(edges, jaccard, side="right") - 1, 0, len(edges) - 2)
    return {
        "threshold": threshold,
        "planted": int(near.sum()),
        "found": found,
        "near_misses": int((~near).sum()),
        "wrongly_found": wrong,
        "recall": _interval(found, int(near.sum())),
        "precision": _interval(found, found + wrong),
        "by_similarity": [
            {
                "from": round(float(edges[place]), 6),
                "to": round(float(edges[place + 1]), 6),
                "planted": int((bins == place).sum()),
                "found": int(joined[bins == place].sum()),
            }
            for place in range(len(edges) - 1)
        ],
    }


def _interval(hits: int, cases: int) -> dict[str, float | None]:
    """A share with its 95 % interval (Wilson 1927)."""
    if not cases:
        return {"value": None, "low": None, "high": None}
    z = 1.959963984540054
    share = hits / cases
    middle = (share + z * z / (2 * cases)) / (1 + z * z / cases)
    half = z * math.sqrt(share * (1 - share) / cases + z * z / (4 * cases * cases)) / (1 + z * z / cases)
    return {
        "value": round(share, 6),
        "low": round(max(middle - half, 0.0), 6),
        "high": round(min(middle + half, 1.0), 6),
    }
