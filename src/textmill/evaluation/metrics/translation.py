"""BLEU, chrF and TER with sacrebleu's own counts, scored for many resamples at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from textmill.evaluation.metrics.metric import Floats, Metric

_TOKENIZERS = {"zh": "zh"}


def bleu_tokenizer(target_lang: str) -> str:
    """sacrebleu's tokenizer for a target language: `zh` for Chinese, `13a` otherwise."""
    return _TOKENIZERS.get(target_lang.lower().split("-")[0].split("_")[0], "13a")


def bleu(target_lang: str = "", languages: Sequence[str] = ()) -> Metric:
    """Corpus BLEU (Papineni et al. 2002), 0 to 100; sacrebleu's defaults: order 4, exponential smoothing.

    Args:
        target_lang: of all targets; decides the tokenizer.
        languages: of each target, where they differ: each row is then parted into words by its own
            language's tokenizer, and the counts add up as ever.
    """

    def statistics(predictions: Sequence[str], targets: Sequence[str]) -> Floats:
        from sacrebleu.metrics import BLEU

        def counted(name: str, outputs: list[str], wanted: list[str]) -> Floats:
            rows = BLEU(tokenize=name, force=True)._extract_corpus_statistics(outputs, [wanted])
            return np.asarray(rows, dtype=np.float64).reshape(len(outputs), -1)

        return _by_tokenizer(counted, predictions, targets, languages or [target_lang] * len(targets))

    return Metric("bleu", statistics, _bleu_score)


def _bleu_score(sums: Floats) -> Floats:
    """(..., 10) sums of system length, reference length, 4 correct and 4 total n-gram counts."""
    system, reference = sums[..., 0], sums[..., 1]
    correct, total = sums[..., 2:6], sums[..., 6:10]
    missed = (correct == 0) & (total > 0)
    smoothing = 2.0 ** np.cumsum(missed, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(missed, 100.0 / (smoothing * total), 100.0 * correct / total)
        brevity = np.where(system < reference, np.exp(1.0 - reference / system), 1.0)
        score = brevity * np.exp(np.log(precision).mean(-1))
    defined = (total > 0).all(-1) & (correct > 0).any(-1)
    return np.where(defined, score, 0.0)


def chrf() -> Metric:
    """Corpus chrF2 (Popović 2015), 0 to 100, with sacrebleu's defaults (character 6-grams, beta 2)."""

    def statistics(predictions: Sequence[str], targets: Sequence[str]) -> Floats:
        from sacrebleu.metrics import CHRF

        rows = CHRF()._extract_corpus_statistics(list(predictions), [list(targets)])
        return np.asarray(rows, dtype=np.float64).reshape(len(predictions), -1)

    return Metric("chrf", statistics, _chrf_score)


def _chrf_score(sums: Floats) -> Floats:
    """(..., 18) sums of hypothesis, reference and matching n-gram counts of orders 1 to 6."""
    hypothesis, reference, match = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
    effective = (hypothesis > 0) & (reference > 0)
    orders = np.maximum(effective.sum(-1), 1)
    precision = np.divide(match, hypothesis, out=np.zeros_like(match), where=effective).sum(-1) / orders
    recall = np.divide(match, reference, out=np.zeros_like(match), where=effective).sum(-1) / orders
    weighted = 4.0 * precision + recall
    return 100.0 * np.divide(
        5.0 * precision * recall, weighted, out=np.zeros_like(weighted), where=weighted > 0
    )


def _by_tokenizer(
    counted: Callable[[str, list[str], list[str]], Floats],
    predictions: Sequence[str],
    targets: Sequence[str],
    languages: Sequence[str],
) -> Floats:
    """Statistics (rows, k) of rows that are counted apart by their languages' tokenizers."""
    names = np.array([bleu_tokenizer(language) for language in languages])
    found: Floats | None = None
    for name in dict.fromkeys(names.tolist()):
        places = np.flatnonzero(names == name).tolist()
        part = counted(
            name, [predictions[place] for place in places], [targets[place] for place in places]
        )  # fmt: skip
        if found is None:
            found = np.zeros((len(names), part.shape[1]))
        found[places] = part
    assert found is not None
    return found


def ter(target_lang: str = "", languages: Sequence[str] = ()) -> Metric:
    """Translation edit rate (Snover et al. 2006), percent of the reference's words, by sacrebleu.

    Chinese is split into characters (sacrebleu's `asian_support`, which its normalization brings with it).
    """

    def statistics(predictions: Sequence[str], targets: Sequence[str]) -> Floats:
        from sacrebleu.metrics import TER

        def counted(name: str, outputs: list[str], wanted: list[str]) -> Floats:
            chinese = name == "zh"
            metric = TER(normalized=chinese, asian_support=chinese)
            rows = metric._extract_corpus_statistics(outputs, [wanted])
            return np.asarray(rows, dtype=np.float64).reshape(len(outputs), -1)

        return _by_tokenizer(counted, predictions, targets, languages or [target_lang] * len(targets))

    return Metric("ter", statistics, _ter_score, better="lower")


def _ter_score(sums: Floats) -> Floats:
    """(..., 2) sums of edits and reference words."""
    edits, words = sums[..., 0], sums[..., 1]
    ratio = np.divide(edits, words, out=np.where(edits > 0, 1.0, 0.0), where=words > 0)
    return 100.0 * ratio
