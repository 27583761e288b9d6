"""Clusters of exact and near-duplicates.

Exact: equal text after NFKC, lower case, and each run of white space as one space. Near: connected by pairs
whose shingle sets have a Jaccard similarity of at least the threshold, every pair checked exactly. A cluster
does not depend on the order of the documents or on how they are spread over shards.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.config.dedup import Dedup
from textmill.corpus.dedup.analysis import Analysis, analyse
from textmill.corpus.dedup.clusters import cluster_table
from textmill.corpus.dedup.verify import components
from textmill.corpus.shards import shard_paths
from textmill.corpus.shingle_sets import ShingleSets
from textmill.corpus.shingles import Int64s


def find_duplicates(
    clean: str | os.PathLike[str],
    params: Dedup,
    seed: int,
    scratch: str | os.PathLike[str],
    advance: Callable[[int], None] = lambda documents: None,
) -> pa.Table:
    """Find the duplicates among the documents of a directory of shards.

    Memory is that of one shard, and about 80 bytes per document and 8 more per band; the shingles go to disk.

    Args:
        clean: directory of document shards (columns `id`, `text`).
        params: what counts as a duplicate.
        seed: chooses the hash functions.
        scratch: directory for temporary data of about one and a half times the size of the text.
        advance: called with the number of documents read.

    Returns:
        A table of schema `DUPLICATE`, ordered by cluster and id.
    """
    with ShingleSets(scratch) as sets:
        found = [analyse(path, params, seed, sets.append, advance) for path in shard_paths(clean)]
        return _clusters(found, sets, params)


def _clusters(found: list[Analysis], sets: ShingleSets, params: Dedup) -> pa.Table:
    bases = np.cumsum([0, *(len(each.digests) for each in found)])
    text_of, leaders = _exact_classes(np.concatenate([each.digests for each in found]))
    text = [text_of[each.text + base] for each, base in zip(found, bases, strict=False)]
    sets.seal(np.concatenate([each.sizes for each in found]), leaders)
    if params.near:
        keys = np.concatenate([each.keys for each in found])[leaders]
        component = components(keys, sets, params.threshold)
    else:
        component = np.arange(len(leaders))
    return cluster_table(
        np.concatenate([each.ids for each in found]),
        np.concatenate([each.characters for each in found]),
        np.concatenate(text),
        component,
        sets if params.near else None,
    )


def _exact_classes(digests: npt.NDArray[np.uint64]) -> tuple[Int64s, Int64s]:
    """Number the distinct texts by where they are first seen.

    Returns:
        For each digest the number of its text, and for each text the digest where it is first seen.
    """
    if not len(digests):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    order = np.lexsort((digests[:, 1], digests[:, 0]))
    ordered = digests[order]
    fresh = np.concatenate(([True], (ordered[1:] != ordered[:-1]).any(axis=1)))
    leader = np.empty(len(order), np.int64)
    # lexsort is stable: the first of a run is the one seen first.
    leader[order] = order[fresh][np.cumsum(fresh) - 1]
    leaders, text_of = np.unique(leader, return_inverse=True)
    return text_of, leaders
