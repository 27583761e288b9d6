"""Which of the kept documents are held out as validation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xxhash

from textmill.corpus.selection.catalogue import Catalogue
from textmill.errors import UserError


def validation_documents(
    catalogue: Catalogue, cluster: npt.NDArray[np.int64], fraction: float, seed: int
) -> npt.NDArray[np.bool_]:
    """Choose whole clusters of the kept documents by the hash of their smallest id.

    A document stays in its split when others are added, for its hash depends on nothing else; only a cluster
    that gains a smaller id may move. Where no document of a language with two clusters or more was chosen,
    its cluster with the smallest hash is; where nothing would be left for training, the one with the largest
    hash is not.

    Args:
        catalogue: all documents.
        cluster: int64, each document's cluster.
        fraction: share of the clusters to choose, about.
        seed: gives another choice.

    Returns:
        bool, one per document; False for those that are not kept.

    Raises:
        UserError: fewer than two clusters are kept, which cannot be split.
    """
    kept = np.flatnonzero(catalogue.kept)
    order = kept[np.lexsort((catalogue.rank[kept], cluster[kept]))]
    first = np.ones(len(order), bool)
    first[1:] = cluster[order[1:]] != cluster[order[:-1]]
    if first.sum() < 2:
        raise UserError(
            "params.yaml: select: one document is left (and its duplicates), but training and validation "
            "need one each. Loosen a rule, or add documents."
        )
    keys = [xxhash.xxh3_64_intdigest(key, seed=seed) for key in catalogue.ids[order[first]].tolist()]
    shares = np.array(keys, np.uint64) / np.float64(2**64)
    share = np.full(len(catalogue), np.inf)
    share[order] = shares[np.cumsum(first) - 1]
    chosen = share < fraction
    for lang in range(len(catalogue.langs)):
        speakers = kept[catalogue.lang[kept] == lang]
        smallest = share[speakers].min(initial=np.inf)
        if len(np.unique(share[speakers])) > 1 and not chosen[speakers].any():
            chosen |= share == smallest
    if chosen[kept].all():
        chosen &= share != share[kept].max()
    return chosen
