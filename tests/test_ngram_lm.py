"""The n-gram model beside a plain implementation of the published formulas, with dictionaries."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textmill.ngram_lm import discounts, fit

EOS = 0


def packed(documents):
    """Documents as the token shards hold them: each ends with EOS; starts and the end."""
    ended = [[*document, EOS] for document in documents]
    starts = np.cumsum([0] + [len(document) for document in ended]).astype(np.uint64)
    return np.array([token for document in ended for token in document], dtype=np.uint16), starts


class Reference:
    """Interpolated modified Kneser-Ney, written from Chen and Goodman (1998), one n-gram at a time."""

    def __init__(self, documents, vocabulary, order):
        self.vocabulary, self.order = vocabulary, order
        grams = [Counter() for _ in range(order + 1)]
        for document in documents:
            tokens = ["<s>", *document, EOS]
            for end in range(1, len(tokens)):
                for length in range(1, min(order, end + 1) + 1):
                    grams[length][tuple(tokens[end - length + 1 : end + 1])] += 1
        self.counts = [None] * (order + 1)
        for length in range(1, order + 1):
            if length == order:
                self.counts[length] = dict(grams[length])
                continue
            left = defaultdict(set)
            for gram in grams[length + 1]:
                left[gram[1:]].add(gram[0])
            self.counts[length] = {
                gram: count if gram[0] == "<s>" else len(left[gram]) for gram, count in grams[length].items()
            }
        self.discounts = [None] + [
            discounts(np.array(list(counts.values()) or [0])) for counts in self.counts[1:]
        ]

    def probability(self, context, token):
        context = tuple(context)[-(self.order - 1) :] if self.order > 1 else ()
        return self._interpolated(context, token)

    def _interpolated(self, context, token):
        lower = self._interpolated(context[1:], token) if context else 1 / self.vocabulary
        length = len(context) + 1
        following = {g[-1]: c for g, c in self.counts[length].items() if g[:-1] == context}
        total = sum(following.values())
        if not total:
            return lower
        taken = self.discounts[length]
        count = following.get(token, 0)
        left = sum(taken[min(c, 3)] for c in following.values())
        return (count - taken[min(count, 3)] + left * lower) / total


documents_of = st.lists(st.lists(st.integers(1, 6), max_size=8), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(documents_of, documents_of, st.integers(1, 5))
def test_probabilities_equal_the_reference(train, test, order):
    reference = Reference(train, 7, order)
    model = fit(*packed(train), vocabulary=7, boundary=EOS, order=order)
    tokens, starts = packed(test)
    expected = []
    for document in test:
        history = ["<s>"]
        for token in [*document, EOS]:
            expected.append(reference.probability(history, token))
            history.append(token)
    np.testing.assert_allclose(model.probabilities(tokens, starts), expected, rtol=2e-6)


def zipf_documents(n, vocabulary, seed):
    generator = np.random.default_rng(seed)
    weights = 1 / np.arange(1, vocabulary)
    return [
        generator.choice(
            np.arange(1, vocabulary), size=generator.integers(1, 60), p=weights / weights.sum()
        ).tolist()
        for _ in range(n)
    ]


def test_probabilities_sum_to_one_over_the_vocabulary_in_random_contexts():
    documents = zipf_documents(400, 300, 1)
    model = fit(*packed(documents), vocabulary=300, boundary=EOS, order=5)
    for context in [[], [7], documents[3][:4], documents[5][:9], [299, 1, 299, 2], [1, 1, 1, 1, 1]]:
        # A document per continuation: the context, then each token of the vocabulary, then the end.
        size = len(context) + 2
        tokens = np.array([[*context, token, EOS] for token in range(300)], dtype=np.uint16).ravel()
        starts = np.arange(0, 300 * size + 1, size, dtype=np.uint64)
        last = model.probabilities(tokens, starts).reshape(300, size)[:, len(context)]
        assert last.sum() == pytest.approx(1.0, abs=1e-5)
        assert (last > 0).all()


def test_longer_context_predicts_text_with_structure_better():
    generator = np.random.default_rng(3)
    documents = []
    for _ in range(300):
        phrases = [[5, 9, 13, 2], [5, 9, 7, 4], [8, 9, 13, 6]]
        documents.append([token for pick in generator.integers(0, 3, 10) for token in phrases[pick]])
    train, test = packed(documents[:250]), packed(documents[250:])
    losses = [
        -np.log(fit(*train, vocabulary=16, boundary=EOS, order=order).probabilities(*test)).mean()
        for order in (1, 2, 3)
    ]
    assert losses[0] > losses[1] + 0.5 > losses[2]


def test_discounts_by_the_formula_and_where_it_is_undefined():
    counts = np.array([1] * 10 + [2] * 5 + [3] * 3 + [4] * 2)
    ratio = 10 / 20
    expected = [0, 1 - 2 * ratio * 5 / 10, 2 - 3 * ratio * 3 / 5, 3 - 4 * ratio * 2 / 3]
    np.testing.assert_allclose(discounts(counts), expected)
    np.testing.assert_allclose(discounts(np.array([1, 1, 5])), [0, 0.5, 1, 1.5])


@pytest.mark.parametrize("tokens, order", [([1, 9, 0], 2), ([1, 0], 0), ([], 2)])
def test_bad_arguments_are_refused(tokens, order):
    with pytest.raises(ValueError, match="expected"):
        fit(np.array(tokens, dtype=np.uint16), np.array([0, len(tokens)], dtype=np.uint64), 9, EOS, order)
