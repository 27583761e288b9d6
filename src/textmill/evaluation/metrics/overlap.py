"""What output and target share: ROUGE, exact match, and SQuAD's answer overlap. Means of per-item scores."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from textmill.evaluation.metrics import subsequence
from textmill.evaluation.metrics.metric import Floats, Metric, mean_score, with_count
from textmill.evaluation.words import split_words
from textmill.modeling.targets import read_answers

_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def _mean(name: str, score: Callable[[str, str], float]) -> Metric:
    """The mean of `score(prediction, target)` over items."""

    def statistics(predictions: Sequence[str], targets: Sequence[str]) -> Floats:
        pairs = zip(predictions, targets, strict=True)
        return with_count(np.asarray([score(found, wanted) for found, wanted in pairs], dtype=np.float64))

    return Metric(name, statistics, mean_score)


def rouge(kind: str) -> Metric:
    """Mean ROUGE F1 (Lin 2004), 0 to 100; words as `split_words`, no stemmer.

    The figures are those of the library rouge-score, which tests hold; its table of the longest common
    subsequence takes seconds per hundred long texts, and its tokenizer sees no Chinese.

    Args:
        kind: ``rouge1``, ``rouge2``, ``rougeL`` or ``rougeLsum`` (lines are sentences).
    """
    scores = {"rougeL": _rouge_l, "rougeLsum": _rouge_lsum, "rouge1": _rouge_n(1), "rouge2": _rouge_n(2)}
    score = scores[kind]
    return _mean(kind, lambda found, wanted: 100.0 * score(found, wanted))


def _rouge_n(size: int) -> Callable[[str, str], float]:
    def score(found: str, wanted: str) -> float:
        return _f1(_ngrams(split_words(found), size), _ngrams(split_words(wanted), size))

    return score


def _ngrams(tokens: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[start:] for start in range(size)), strict=False))


def _f1(found: Counter, wanted: Counter) -> float:
    return _harmonic((found & wanted).total(), found.total(), wanted.total())


def _harmonic(shared: int, found: int, wanted: int) -> float:
    """F1 of `shared` hits among `found` and `wanted` ones."""
    return 2.0 * shared / (found + wanted) if shared else 0.0


def _rouge_l(found: str, wanted: str) -> float:
    one, other = split_words(wanted), split_words(found)
    return _harmonic(subsequence.length(one, other), len(other), len(one))


def _rouge_lsum(found: str, wanted: str) -> float:
    """The union over all sentence pairs of their common subsequences (Lin 2004, 3.2), each word used once."""
    ours = [words for line in found.split("\n") if (words := split_words(line))]
    theirs = [words for line in wanted.split("\n") if (words := split_words(line))]
    left, available = (Counter(word for words in part for word in words) for part in (theirs, ours))
    shared = 0
    for sentence in theirs:
        union = sorted({place for other in ours for place in subsequence.positions(sentence, other)})
        for place in union:
            word = sentence[place]
            if available[word] > 0 and left[word] > 0:
                shared += 1
                available[word] -= 1
                left[word] -= 1
    return _harmonic(shared, sum(map(len, ours)), sum(map(len, theirs)))


def exact_match() -> Metric:
    """Share of predictions equal to the target but for white space around and between words, 0 to 100."""
    return _mean("exact_match", lambda found, wanted: 100.0 * (found.split() == wanted.split()))


def answer_exact_match() -> Metric:
    """Share of answers equal to the target after SQuAD's normalization, 0 to 100."""
    return _mean("answer_em", lambda found, wanted: 100.0 * (answer_words(found) == answer_words(wanted)))


def answer_f1() -> Metric:
    """Mean F1 of the words of answer and target (Rajpurkar et al. 2016), 0 to 100."""

    def score(found: str, wanted: str) -> float:
        ours, theirs = answer_words(found), answer_words(wanted)
        if not ours or not theirs:
            return 100.0 * (ours == theirs)
        return 100.0 * _f1(Counter(ours), Counter(theirs))

    return _mean("answer_f1", score)


def best_of_answers(metric: Metric) -> Metric:
    """`metric` of a prediction and the best of several answers; without any answer, of it and nothing.

    Args:
        metric: a mean over items.

    Returns:
        The same for targets as `textmill.modeling.targets.write_answers` writes them (Rajpurkar et al. 2018).
    """

    def statistics(predictions: Sequence[str], targets: Sequence[str]) -> Floats:
        best = []
        for found, target in zip(predictions, targets, strict=True):
            wanted = [answer.text for answer in read_answers(target)] or [""]
            best.append(metric.statistics([found] * len(wanted), wanted)[:, 0].max())
        return with_count(np.asarray(best, dtype=np.float64))

    return Metric(metric.name, statistics, metric.score)


def answer_words(text: str) -> list[str]:
    """An answer as SQuAD compares it: lower case, no punctuation, no English articles.

    A character is a word in scripts without spaces, as in the Chinese CMRC 2018 (Cui et al. 2019); the
    script of SQuAD removes ASCII punctuation only and would take a Chinese answer for one word.
    """
    return split_words(_ARTICLE.sub(" ", _without_punctuation(text.lower())))


def _without_punctuation(text: str) -> str:
    return "".join(character for character in text if character.isspace() or not _is_punctuation(character))


def _is_punctuation(character: str) -> bool:
    import string
    import unicodedata

    return character in string.punctuation or unicodedata.category(character).startswith("P")
