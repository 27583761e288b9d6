"""Texts as token ids piece by piece, so that it is known which ids a piece of the text has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from textmill.modeling.targets import units

Ids = list[int]


def frame(tokenizer: Any) -> tuple[Ids, Ids]:
    """The ids that a tokenizer puts before and after a text of its own accord."""
    plain = tokenizer("a", add_special_tokens=False)["input_ids"]
    framed = tokenizer("a")["input_ids"]
    at = next(at for at in range(len(framed)) if framed[at : at + len(plain)] == plain)
    return framed[:at], framed[at + len(plain) :]


def unit_tokens(tokenizer: Any, texts: Sequence[str]) -> list[list[Ids]]:
    """For each text and each of its units the ids, never none; see `textmill.modeling.targets.units`.

    A unit is encoded with the white space before it and apart from its neighbours, so that every unit has a
    first token of its own, also where the tokenizer would merge two Chinese characters.
    """
    pieces = []
    for text in texts:
        places = units(text)
        begins = [0, *(end for _, end in places)][: len(places)]
        pieces.append([text[begin:end] for begin, (_, end) in zip(begins, places, strict=True)])
    known = sorted({piece for text in pieces for piece in text})
    if not known:
        return [[] for _ in texts]
    fallback = tokenizer.unk_token_id if tokenizer.unk_token_id is not None else 0
    found = tokenizer(known, add_special_tokens=False)["input_ids"]
    ids = {piece: tokens or [fallback] for piece, tokens in zip(known, found, strict=True)}
    return [[ids[piece] for piece in text] for text in pieces]


def windows(lengths: Sequence[int], room: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Cut items of these `lengths` into runs ``[start, end)`` of at most `room` together.

    Every item is in a run, one longer than `room` in one of its own. A run begins with the last items of the
    run before it, as many as fit into `overlap`.
    """
    start = 0
    while start < len(lengths):
        end, used = start, 0
        while end < len(lengths) and (end == start or used + lengths[end] <= room):
            used += lengths[end]
            end += 1
        yield start, end
        if end == len(lengths):
            return
        shared, start_of_next = 0, end
        while start_of_next - 1 > start and shared + lengths[start_of_next - 1] <= overlap:
            start_of_next -= 1
            shared += lengths[start_of_next]
        start = start_of_next
