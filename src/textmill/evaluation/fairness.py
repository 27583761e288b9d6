"""Does a classifier treat people alike? Answers to swapped texts, and rates by the group that a text names.

The flip rate is the share of texts whose answer changes when women become men and men women (counterfactual
token fairness, Garg et al. 2019). Gaps are differences between groups of an axis, largest less smallest, in
selection rate (demographic parity), true and false positive rate (equalized odds, Hardt et al. 2016) and
accuracy; a text counts for a group if it names this group of the axis and no other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.corpus.mitigation.counterfactual import Swapper
from textmill.evaluation.bias.labels import group_mentions
from textmill.evaluation.metrics.metric import Floats
from textmill.evaluation.probes.figures import by_part, measure, rounded, share
from textmill.evaluation.significance import CONFIDENCE, resample_weights

Bools = npt.NDArray[np.bool_]
RATES = {
    "selection_rate": "percent of the texts that are called {label}",
    "true_positive_rate": "percent of the texts that are {label} and are called so",
    "false_positive_rate": "percent of the texts that are not {label} and are called so",
    "accuracy": "percent of the texts that are called what they are",
}
SHOWN = 5
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")


def languages_of(texts: Sequence[str], declared: Sequence[str | None]) -> list[str]:
    """The language of each text: as declared, else by its script."""
    return [name or ("zh" if _HAN.search(text) else "en") for text, name in zip(texts, declared, strict=True)]


def swapped_texts(texts: Sequence[str], languages: Sequence[str], wanted: Sequence[str]) -> dict[int, str]:
    """The texts of the wanted languages in which something is swapped, by place."""
    swappers = {language: Swapper(language) for language in wanted}
    found = {}
    for place, (text, language) in enumerate(zip(texts, languages, strict=True)):
        if language in swappers and (other := swappers[language](text)) != text:
            found[place] = other
    return found


def flip_measure(
    predicted: Sequence[str], swapped: Mapping[int, str], answers: Sequence[str], languages: Sequence[str]
) -> dict[str, Any]:
    """How often the answer changes, overall and by language.

    Args:
        predicted: answers to all texts.
        swapped: of `swapped_texts`.
        answers: to these, in their order.
    """
    places = list(swapped)
    flips = np.array([predicted[at] != new for at, new in zip(places, answers, strict=True)], bool)
    parts = [languages[at] for at in places]
    return measure(
        "percent of the texts that name a man or a woman whose answer changes with the swapped gender",
        share(flips),
        by_part(parts, lambda rows: share(flips[rows])),
        0.0,
    )


def named_groups(
    texts: Sequence[str], languages: Sequence[str], wanted: Sequence[str]
) -> dict[tuple[str, str], dict[str, Bools]]:
    """By language and axis, for each group the texts that name it and no other group of the axis."""
    named = group_mentions(
        pa.chunked_array([pa.array(list(texts), pa.large_string())]),
        pa.chunked_array([pa.array(list(languages), pa.string())]),
        list(wanted),
    )
    axes: dict[tuple[str, str], dict[str, Bools]] = {}
    for (language, axis, group), column in named.items():
        axes.setdefault((language, axis), {})[group] = np.asarray(column, bool)
    for groups in axes.values():
        total = np.sum(list(groups.values()), axis=0)
        for group in groups:
            groups[group] = groups[group] & (total == 1)
    return axes


def rate_columns(predicted: Bools, actual: Bools) -> dict[str, tuple[Floats, Floats]]:
    """Per rate, for each text what it adds to numerator and denominator: float64, shape (n,) each."""
    one = np.ones(len(actual))
    return {
        "selection_rate": (predicted.astype(float), one),
        "true_positive_rate": ((predicted & actual).astype(float), actual.astype(float)),
        "false_positive_rate": ((predicted & ~actual).astype(float), (~actual).astype(float)),
        "accuracy": ((predicted == actual).astype(float), one),
    }


def gap(hits: Floats, of: Floats, groups: Mapping[str, Bools], resamples: int, seed: int) -> dict[str, Any]:
    """Largest less smallest rate of the groups in points of percent, with a bootstrap interval over texts.

    A gap is never negative, so that noise alone makes one: an interval that begins near 0 says nothing.
    """
    chosen = np.flatnonzero(np.any(list(groups.values()), axis=0))
    members = np.array([groups[name][chosen] for name in groups], float).T
    tops, bottoms = hits[chosen, None] * members, of[chosen, None] * members

    def difference(weights: Floats) -> Floats:
        below = weights @ bottoms
        rates = np.where(below > 0, weights @ tops / np.maximum(below, 1e-12), np.nan)
        spread: Floats = np.nanmax(rates, axis=-1) - np.nanmin(rates, axis=-1)
        return 100 * spread

    draws = np.concatenate([difference(part) for part in resample_weights(len(chosen), resamples, seed)])
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return rounded(float(difference(np.ones(len(chosen)))), float(low), float(high), len(chosen))


def gap_measures(
    predicted: Sequence[str],
    actual: Sequence[str],
    labels: Sequence[str],
    axes: Mapping[tuple[str, str], Mapping[str, Bools]],
    min_rows: int,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Rates by group and gaps by axis, for each label (of two labels for the last one only).

    Args:
        axes: of `named_groups`; groups with fewer than `min_rows` texts in a rate's
            denominator are left out of it.
    """
    guessed, true = np.array(predicted, object), np.array(actual, object)
    found: dict[str, Any] = {}
    for label in labels[-1:] if len(labels) == 2 else labels:
        for rate, (hits, of) in rate_columns(guessed == label, true == label).items():
            if rate == "accuracy":
                if "accuracy by group" in found:
                    continue
                hits, name = (guessed == true).astype(float), rate
            else:
                name = f"{rate} of {label}"
            usable = {
                axis: {group: rows for group, rows in groups.items() if of[rows].sum() >= min_rows}
                for axis, groups in axes.items()
            }
            parts: dict[str, Any] = {}
            gaps: dict[str, Any] = {}
            for (language, axis), groups in usable.items():
                for group, rows in groups.items():
                    parts[f"{group} · {axis} · {language}"] = share(hits[rows & (of > 0)])
                if len(groups) > 1:
                    gaps[f"{axis} · {language}"] = gap(hits, of, groups, resamples, seed)
            about = RATES[rate].format(label=label)
            found[f"{name} by group"] = measure(about, share(hits[of > 0]), parts)
            if gaps:
                found[f"{name} gap"] = measure(f"points between groups; {about}", {"n": 0}, gaps, 0.0)
    return found


def fairness_report(
    texts: Sequence[str],
    actual: Sequence[str],
    predicted: Sequence[str],
    labels: Sequence[str],
    languages: Sequence[str],
    answer: Callable[[list[str]], list[str]],
    wanted: Sequence[str],
    min_rows: int,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Flip rate and gaps of a classifier on test rows.

    Args:
        texts, actual, predicted: n rows.
        answer: the classifier, asked for the swapped texts.
        wanted: languages with lexicons and swaps.
    """
    swapped = swapped_texts(texts, languages, wanted)
    answers = answer(list(swapped.values())) if swapped else []
    flips = [
        {"text": texts[at], "swapped": swapped[at], "answer": predicted[at], "answer_swapped": new}
        for at, new in zip(swapped, answers, strict=True)
        if predicted[at] != new
    ]
    measures = {"flip_rate": flip_measure(predicted, swapped, answers, languages)}
    axes = named_groups(texts, languages, wanted)
    measures |= gap_measures(predicted, actual, labels, axes, min_rows, resamples, seed)
    return {"min_rows": min_rows, "measures": measures, "flips": flips[:SHOWN]}
