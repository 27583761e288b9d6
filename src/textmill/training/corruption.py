"""Turn windows of text into exercises: masked tokens, missing spans."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from textmill.tokenization.special import BOS, EOS, EXTRAS, FIRST_EXTRA, MASK, PAD

Ids = npt.NDArray[np.int64]
IGNORED = -100
_SPECIALS = FIRST_EXTRA + EXTRAS


def mask_tokens(ids: Ids, random: np.random.Generator, rate: float, vocab_size: int) -> tuple[Ids, Ids]:
    """Masked language modelling (Devlin et al. 2019).

    Of the chosen tokens, 80 % become ``<mask>``, 10 % a random token, and 10 % stay. Special tokens are
    never chosen.

    Args:
        ids: (rows, length).
        random: drawn from in a fixed amount.
        rate: share of the ordinary tokens that is chosen.
        vocab_size: random tokens are below it.

    Returns:
        Inputs, and labels that are -100 where nothing is to be predicted; both (rows, length).
    """
    chosen = (random.random(ids.shape) < rate) & (ids >= _SPECIALS)
    fate = random.random(ids.shape)
    other = random.integers(_SPECIALS, vocab_size, ids.shape)
    inputs = np.where(chosen & (fate < 0.8), MASK, ids)
    inputs = np.where(chosen & (fate >= 0.8) & (fate < 0.9), other, inputs)
    return inputs, np.where(chosen, ids, IGNORED)


def hide_tokens(ids: Ids, random: np.random.Generator, rate: float) -> tuple[Ids, Ids]:
    """Token masking of BART (Lewis et al. 2020): the target is the whole window.

    Unlike span corruption this asks for a text as long as the input and aligned with it, as translation
    does, so that the decoder learns where to look.

    Args:
        ids: (rows, length).
        random: drawn from in a fixed amount.
        rate: share of tokens that becomes ``<mask>``.

    Returns:
        Inputs and targets, both followed by ``<eos>`` and of shape (rows, length + 1).
    """
    ends = np.full((len(ids), 1), EOS)
    inputs = np.where(random.random(ids.shape) < rate, MASK, ids)
    return np.hstack([inputs, ends]), np.hstack([ids, ends])


def framed(ids: Ids) -> Ids:
    """`ids` between ``<bos>`` and ``<eos>``, as the encoder's own tokenizer frames a text."""
    rows = len(ids)
    return np.hstack([np.full((rows, 1), BOS), ids, np.full((rows, 1), EOS)])


def corrupt_spans(ids: Ids, random: np.random.Generator, density: float, mean_span: float) -> tuple[Ids, Ids]:
    """Span corruption (Raffel et al. 2020, T5): each missing span becomes one ``<extra_i>``.

    Every row loses the same number of tokens in the same number of spans, at random places, so that the
    results are rectangular.

    Args:
        ids: (rows, length).
        random: drawn from in a fixed amount.
        density: share of tokens that is missing.
        mean_span: mean length of a missing span in tokens.

    Returns:
        Inputs ``kept <extra_0> kept <extra_1> … <eos>`` of shape (rows, length - missing + spans + 1), and
        targets ``<extra_0> missing <extra_1> missing … <eos>`` of shape (rows, missing + spans + 1).
    """
    rows, length = ids.shape
    missing = min(max(1, round(length * density)), length - 1)
    spans = min(max(1, round(missing / mean_span)), missing, length - missing, EXTRAS)
    gone = _partition(random, rows, missing, spans)
    kept = _partition(random, rows, length - missing, spans)
    lengths = np.stack([kept, gone], axis=2).reshape(rows, 2 * spans)
    starts = np.cumsum(lengths, axis=1)[:, :-1]
    segment = np.zeros((rows, length), np.int64)
    np.put_along_axis(segment, starts, 1, axis=1)
    segment = np.cumsum(segment, axis=1)
    is_gone = segment % 2 == 1
    marks = FIRST_EXTRA + np.arange(spans)
    ends = np.full((rows, 1), EOS)
    inputs = _merge(ids[~is_gone].reshape(rows, -1), kept, marks, before=False)
    targets = _merge(ids[is_gone].reshape(rows, -1), gone, marks, before=True)
    return np.hstack([inputs, ends]), np.hstack([targets, ends])


def infill_spans(
    ids: Ids, random: np.random.Generator, density: float, mean_span: float
) -> tuple[Ids, Ids, Ids]:
    """Text infilling of BART (Lewis et al. 2020): one ``<mask>`` for each span, the target is the window.

    The lengths of spans are drawn from a Poisson distribution until they sum to what is missing, the last one
    cut to it; a span of length 0 inserts a mask where nothing is missing. Masks are never neighbours.

    Args:
        ids: (rows, length).
        random: what it gives for a row depends on the rows before it.
        density: share of tokens that is missing; every row loses the same number.
        mean_span: mean length of a span in tokens, of the Poisson distribution.

    Returns:
        Inputs, their attention (1 at tokens, 0 at padding), both (rows, longest), and targets
        (rows, length + 1); inputs and targets end with ``<eos>``.
    """
    rows, length = ids.shape
    missing = min(max(1, round(length * density)), length - 1)
    corrupted = [_infilled(row, random, missing, mean_span) for row in ids]
    width = max(map(len, corrupted))
    inputs = np.full((rows, width), PAD, np.int64)
    for place, row in enumerate(corrupted):
        inputs[place, : len(row)] = row
    attention = (np.arange(width) < np.array([len(row) for row in corrupted])[:, None]).astype(np.int64)
    return inputs, attention, np.hstack([ids, np.full((rows, 1), EOS)])


def _infilled(row: Ids, random: np.random.Generator, missing: int, mean_span: float) -> Ids:
    """The ids of one row with its spans masked, and ``<eos>``."""
    kept = len(row) - missing
    lengths: list[int] = []
    while sum(lengths) < missing and len(lengths) < kept:
        lengths.append(min(int(random.poisson(mean_span)), missing - sum(lengths)))
    # Where there are too few kept tokens to part more spans, the last takes the rest.
    lengths[-1] += missing - sum(lengths)
    random.shuffle(lengths)
    before = np.sort(random.choice(kept + 1, len(lengths), replace=False))
    parts, at, done = [], 0, 0
    for place, size in zip(before.tolist(), lengths, strict=True):
        parts += [row[at : at + place - done], [MASK]]
        at, done = at + place - done + size, place
    return np.concatenate([*parts, row[at:], [EOS]]).astype(np.int64)


def _partition(random: np.random.Generator, rows: int, total: int, parts: int) -> Ids:
    """Random splits of `total` into `parts` positive lengths: (rows, parts)."""
    cuts = np.argsort(random.random((rows, total - 1)), axis=1)[:, : parts - 1] + 1
    bounds = np.hstack([np.zeros((rows, 1), np.int64), np.sort(cuts, axis=1), np.full((rows, 1), total)])
    return np.diff(bounds, axis=1)


def _merge(ids: Ids, lengths: Ids, marks: Ids, before: bool) -> Ids:
    """Put mark i before (or behind) the i-th run of each row; run lengths are `lengths`."""
    rows, total = ids.shape
    spans = len(marks)
    ends = np.cumsum(lengths, axis=1)
    places = (ends - lengths if before else ends) + np.arange(spans)
    merged = np.empty((rows, total + spans), np.int64)
    is_mark = np.zeros(merged.shape, bool)
    np.put_along_axis(is_mark, places, True, axis=1)
    merged[is_mark] = np.tile(marks, rows)
    merged[~is_mark] = ids.ravel()
    return merged
