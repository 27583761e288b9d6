"""Numbers as people read them."""

from __future__ import annotations

from typing import Any


def count(value: float | None) -> str:
    """12,345 below a million; 12.3 M above."""
    if value is None:
        return "–"
    if abs(value) >= 1e9:
        return f"{value / 1e9:.2f} G"
    if abs(value) >= 1e6:
        return f"{value / 1e6:.1f} M"
    return f"{value:,.0f}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share of 0 to 1 as a percentage."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def number(value: Any, signed: bool = False, digits: int | None = None) -> str:
    """`digits` decimals, or as many as show about four significant digits; thousands apart."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:+,}" if signed else f"{value:,}"
    if digits is None:
        if 0 < abs(value) < 0.01:
            return f"{value:{'+' if signed else ''}.2g}"
        digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 10 else 3
    return f"{value:{'+' if signed else ''},.{digits}f}"


def interval(low: float | None, high: float | None, signed: bool = False, digits: int | None = None) -> str:
    """`[low, high]`, or nothing when there is no interval."""
    if low is None or high is None:
        return ""
    return f"[{number(float(low), signed, digits)}, {number(float(high), signed, digits)}]"


def p_value(value: float | None) -> str:
    """p to three decimals, small ones as a bound."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


METRIC_NAMES = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "micro_f1": "Micro F1",
    "bleu": "BLEU",
    "chrf": "chrF",
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
    "rougeLsum": "ROUGE-Lsum",
    "ter": "TER",
    "mcc": "Matthews correlation",
    "exact_match": "Exact match",
    "answer_em": "Answer match",
    "answer_f1": "Answer F1",
    "distinct1": "Distinct-1",
    "distinct2": "Distinct-2",
    "repetition": "Repetition",
    "loss": "Loss",
    "perplexity": "Perplexity",
    "bits_per_byte": "Bits per byte",
}
ONE_DECIMAL = frozenset(
    {
        "answer_em", "answer_f1", "bleu", "chrf", "exact_match", "perplexity",
        "rouge1", "rouge2", "rougeL", "rougeLsum", "ter",
    }
)  # fmt: skip
LOWER_IS_BETTER = frozenset({"loss", "perplexity", "bits_per_byte", "ter", "repetition"})


def words(name: str) -> str:
    """A key of a report as words: tfidf_logistic -> TF-IDF + logistic regression."""
    known = {
        "finetuned": "This model",
        "control": "Same recipe, random start",
        "tfidf_logistic": "TF-IDF + logistic regression",
        "word2vec_logistic": "Word2Vec + logistic regression",
        "majority": "Most frequent label",
        "copy": "Copy the source",
        "translation_memory": "Translation memory",
        "lead": "First sentence",
        "ngram": "N-gram model",
        "unigram": "Unigram model",
    }
    text = name.replace("_", " ").replace("-", " ")
    return known.get(name) or text[:1].upper() + text[1:]


def metric_digits(metric: str) -> int:
    """Decimals that a metric is shown with: one on a scale of 100, three on a scale of 1."""
    return 1 if metric in ONE_DECIMAL else 3


def metric_name(name: str) -> str:
    """A metric's usual spelling."""
    if name.startswith("f1["):
        return f"F1 of {name[3:-1]}"
    return METRIC_NAMES.get(name) or words(name)
