"""Forward maximum matching: the longest text that was a span in training (Chen and Liu 1992)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from textmill.modeling.baselines import Rows
from textmill.modeling.targets import Span, read_spans, units, write_tags

OUTSIDE_SHARE = 0.5


def predict(train: Rows, validation: Rows, inputs: Sequence[str]) -> list[str]:
    """BIO tags of the longest known spans, from left to right.

    A text is known with its most frequent label if it was a span at least every second time it occurred as a
    run of units; where training has no unit outside of spans, as in segmentation, every span is known and an
    unknown unit is a span by itself.
    """
    labels: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    everything_inside = True
    for text, target in zip(train.inputs, train.targets, strict=True):
        words, tags = _words(text), target.split()
        everything_inside &= "O" not in tags
        for span in read_spans(tags):
            labels[tuple(words[span.start : span.end])][span.label] += 1
    known = labels if everything_inside else _mostly_spans(train, labels)
    best = {key: min(found, key=lambda one: (-found[one], one)) for key, found in known.items()}
    fallback = Counter(name for found in labels.values() for name in found).most_common(1)[0][0]
    longest = max(map(len, best), default=0)
    return [_tags(_words(text), best, longest, fallback if everything_inside else None) for text in inputs]


def _mostly_spans(
    train: Rows, labels: dict[tuple[str, ...], Counter[str]]
) -> dict[tuple[str, ...], Counter[str]]:
    sizes = {len(key) for key in labels}
    occurs: Counter[tuple[str, ...]] = Counter()
    for text in train.inputs:
        words = _words(text)
        for size in sizes:
            occurs.update(
                key for key in zip(*(words[at:] for at in range(size)), strict=False) if key in labels
            )
    return {key: found for key, found in labels.items() if found.total() >= OUTSIDE_SHARE * occurs[key]}


def _tags(words: list[str], best: dict[tuple[str, ...], str], longest: int, fallback: str | None) -> str:
    spans = []
    at = 0
    while at < len(words):
        sizes = range(min(longest, len(words) - at), 0, -1)
        size = next((size for size in sizes if tuple(words[at : at + size]) in best), 0)
        if size:
            spans.append(Span(best[tuple(words[at : at + size])], at, at + size))
        elif fallback is not None:
            spans.append(Span(fallback, at, at + 1))
        at += size or 1
    return write_tags(spans, len(words))


def _words(text: str) -> list[str]:
    return [text[begin:end] for begin, end in units(text)]
