"""Questions with their contexts as windows of token ids, and the best answer among a question's windows.

A long context is cut into windows that overlap. An answer that is not whole in a window is none there, and
the model learns to point at the first token of such a window (Devlin et al. 2019; Rajpurkar et al. 2018).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from textmill.modeling.framing import frame, windows
from textmill.modeling.targets import Answer, read_question

Ids = list[int]
Floats = npt.NDArray[np.float64]
OVERLAP = 0.25
"""Part of a window that the next one begins with: an answer up to this long is whole in one of them."""


@dataclass(frozen=True)
class Window:
    """A question and some of its context.

    Attributes:
        row: number of the question.
        ids: of what the model reads.
        first: place in `ids` of the first token of the context.
        places: begin and end of each of its tokens in the context, in characters.
    """

    row: int
    ids: Ids
    first: int
    places: list[tuple[int, int]]

    def span(self, answer: Answer | None) -> tuple[int, int]:
        """Places in `ids` of an answer's first and last token; (0, 0) where the window has it not whole."""
        if answer is None or not self.places:
            return 0, 0
        begin, end = answer.start, answer.start + len(answer.text)
        touched = [at for at, (left, right) in enumerate(self.places) if left < end and right > begin]
        if not touched or self.places[touched[0]][0] > begin or self.places[touched[-1]][1] < end:
            return 0, 0
        return self.first + touched[0], self.first + touched[-1]


def question_windows(tokenizer: Any, inputs: Sequence[str], longest: int) -> list[Window]:
    """The windows of all questions, in order; `longest` is the most tokens of one.

    A question takes at most half of it and is cut there.
    """
    before, after = frame(tokenizer)
    between = after or ([tokenizer.sep_token_id] if tokenizer.sep_token_id is not None else [])
    pairs = [read_question(text) for text in inputs]
    asked = tokenizer([question for question, _ in pairs], add_special_tokens=False)["input_ids"]
    read = tokenizer([context for _, context in pairs], add_special_tokens=False, return_offsets_mapping=True)
    found = []
    for row, question in enumerate(asked):
        head = [*before, *question[: longest // 2], *between]
        room = max(1, longest - len(head) - len(after))
        ids, places = read["input_ids"][row], [tuple(place) for place in read["offset_mapping"][row]]
        for start, end in windows([1] * len(ids), room, int(room * OVERLAP)) if ids else [(0, 0)]:
            found.append(Window(row, [*head, *ids[start:end], *after], len(head), places[start:end]))
    return found


def best_span(starts: Floats, ends: Floats, longest: int) -> tuple[float, int, int]:
    """The span of the highest sum of scores, at most `longest` tokens: the sum, first token, last token.

    Args:
        starts: score of each token of a context to begin an answer.
        ends: to end one.
    """
    best = (-np.inf, 0, 0)
    for length in range(min(longest, len(starts))):
        sums = starts[: len(starts) - length] + ends[length:]
        at = int(np.argmax(sums))
        if sums[at] > best[0]:
            best = (float(sums[at]), at, at + length)
    return best


def best_answers(
    found: Iterable[tuple[Window, Floats, Floats]], questions: int, longest: int
) -> list[tuple[float, int, int]]:
    """For each question how much likelier its best answer is than none, and where that is.

    Args:
        found: each window with its start and end scores (logits), one per id.
        questions: how many there are.
        longest: tokens that an answer may have.

    Returns:
        Score, begin and end in characters of the context; a window's answers are scored against its own
        first token, which makes windows comparable. (-inf, 0, 0) without any window.
    """
    best = [(-np.inf, 0, 0)] * questions
    for window, starts, ends in found:
        part = slice(window.first, window.first + len(window.places))
        if not window.places:
            continue
        total, first, last = best_span(starts[part], ends[part], longest)
        score = total - float(starts[0] + ends[0])
        if score > best[window.row][0]:
            best[window.row] = (score, window.places[first][0], window.places[last][1])
    return best


def answer_text(text: str, score: float, begin: int, end: int, threshold: float | None) -> str:
    """What the context of an input says from `begin` to `end`; nothing where the score is too low."""
    if threshold is not None and score < threshold:
        return ""
    return read_question(text)[1][begin:end].strip()
