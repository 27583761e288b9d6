"""Sums over documents from which representation, association and parity follow.

Nothing here grows with the number of documents: only sums are kept, so a corpus of any size is one pass.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from textmill.corpus.identity.lexicon import Lexicon
from textmill.corpus.identity.mentions import Mentions
from textmill.evaluation.bias.fates import KEPT, Fates


class LanguageCounts:
    """What was counted in the documents of one language.

    Attributes (G groups, X axes, A attributes, T terms):
        documents, units: kept documents and their words or characters.
        group_documents: float64[G], kept documents that mention the group.
        group_mentions, axis_mentions: float64[G], mentions of the group, and of its whole axis.
        square, product, axis_square: float64[G], sums over documents of y², x·y, x² (see
            intervals.ratio_interval).
        axis_documents: int64[X], kept documents that mention the axis.
        near_units: float64[G], units of the sentences that mention this group and no other of its axis.
        near_terms: float64[G, T], mentions of terms in those sentences; `all_terms` is float64[T] over all.
        near_yy, near_yn, near_nn: float64[G, A] (nn: [G]), sums over documents of y², y·n, n² for attributes.
        near_documents: int64[G], documents with such a sentence.
        fates: what became of the documents that mention each group; the reference mention no group at all.

    Documents may have weights; then every count of kept documents is a sum of weights, and `documents_square`
    the sum of their squares.
    """

    def __init__(self, lexicon: Lexicon, fates: int = 1):
        groups, terms, attributes = len(lexicon.groups), len(lexicon.terms), len(lexicon.attributes)
        self.lexicon = lexicon
        self.documents = self.documents_square = self.units = 0.0
        self.group_documents, self.group_mentions = np.zeros(groups), np.zeros(groups)
        self.axis_mentions = np.zeros(groups)
        self.square, self.product, self.axis_square = (np.zeros(groups) for _ in range(3))
        self.axis_documents = np.zeros(len(lexicon.axes), dtype=np.int64)
        self.near_units, self.near_nn = np.zeros(groups), np.zeros(groups)
        self.near_terms, self.all_terms = np.zeros((groups, terms)), np.zeros(terms)
        self.near_yy, self.near_yn = np.zeros((groups, attributes)), np.zeros((groups, attributes))
        self.near_documents = np.zeros(groups, dtype=np.int64)
        self.fates = Fates(groups, fates)

    def add(
        self,
        mentions: Mentions,
        fate: np.ndarray,
        source: np.ndarray,
        sources: Sequence[str],
        weight: np.ndarray | None = None,
    ) -> None:
        """Add a block of documents.

        Args:
            mentions: what was found in the block.
            fate: int64[documents], KEPT where the document is in the corpus, else 1 + the rule that dropped
            it.
            source: int64[documents], index into `sources`.
            weight: float64[documents], how often each kept document counts; once if None.
        """
        weight = np.ones(mentions.documents) if weight is None else weight
        kept = fate == KEPT
        per_document = np.zeros((mentions.documents, len(self.lexicon.groups)), dtype=np.int64)
        member = self.lexicon.in_group[mentions.term]
        where, group = np.nonzero(member)
        np.add.at(per_document, (mentions.document[mentions.sentence[where]], group), 1)
        units = np.bincount(mentions.document, weights=mentions.units, minlength=mentions.documents)
        named = per_document > 0
        none = np.broadcast_to(~named.any(axis=1, keepdims=True), named.shape)
        self.fates.add(named, none, units, fate, source, sources)
        self.documents += float(weight[kept].sum())
        self.documents_square += float((weight[kept] ** 2).sum())
        self.units += float((units * weight)[kept].sum())
        self._representation(per_document[kept], weight[kept])
        self._association(mentions, kept, weight)

    def _representation(self, mentions: np.ndarray, weight: np.ndarray) -> None:
        self.group_documents += weight @ (mentions > 0)
        counts = mentions * weight[:, None]
        self.group_mentions += counts.sum(axis=0)
        self.square += (counts**2).sum(axis=0)
        for number, members in enumerate(self.lexicon.axes.values()):
            axis = counts[:, members].sum(axis=1)
            self.axis_documents[number] += int((axis > 0).sum())
            self.axis_mentions[members] += axis.sum()
            self.axis_square[members] += float((axis**2).sum())
            self.product[members] += (counts[:, members] * axis[:, None]).sum(axis=0)

    def _association(self, mentions: Mentions, kept: np.ndarray, weight: np.ndarray) -> None:
        lexicon = self.lexicon
        sentences = len(mentions.units)
        kept_sentence = kept[mentions.document]
        use = kept_sentence[mentions.sentence]
        term, sentence = mentions.term[use], mentions.sentence[use]
        share = weight[mentions.document]
        self.all_terms += np.bincount(term, share[sentence], minlength=len(lexicon.terms))
        named = np.zeros((sentences, len(lexicon.groups)), dtype=bool)
        where, group = np.nonzero(lexicon.in_group[term])
        named[sentence[where], group] = True
        carries = lexicon.in_attribute[term].any(axis=1)
        term, sentence = term[carries], sentence[carries]
        attribute_row, attribute = np.nonzero(lexicon.in_attribute[term])
        for members in lexicon.axes.values():
            only_one = named[:, members].sum(axis=1) == 1
            for index in members:
                alone = named[:, index] & only_one
                if not alone.any():
                    continue
                near = alone[sentence]
                self.near_terms[index] += np.bincount(
                    term[near], share[sentence[near]], minlength=len(lexicon.terms)
                )
                self._clusters(
                    index,
                    np.bincount(
                        mentions.document,
                        weights=mentions.units * alone * share,
                        minlength=mentions.documents,
                    ),
                    np.bincount(mentions.document, weights=alone, minlength=mentions.documents) > 0,
                    mentions.document[sentence[attribute_row]][near[attribute_row]],
                    attribute[near[attribute_row]],
                    weight,
                )

    def _clusters(
        self,
        index: int,
        units: np.ndarray,
        present: np.ndarray,
        document: np.ndarray,
        attribute: np.ndarray,
        weight: np.ndarray,
    ) -> None:
        attributes = len(self.lexicon.attributes)
        flat = np.bincount(document * attributes + attribute, minlength=len(units) * attributes)
        counts = flat.reshape(len(units), attributes) * weight[:, None]
        self.near_documents[index] += int(present.sum())
        self.near_units[index] += units.sum()
        self.near_nn[index] += float((units**2).sum())
        self.near_yy[index] += (counts**2).sum(axis=0)
        self.near_yn[index] += (counts * units[:, None]).sum(axis=0)
