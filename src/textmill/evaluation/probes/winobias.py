"""WinoBias (Zhao et al. 2018): which pronoun does a model expect for an occupation?

The sentences come in pairs that differ in the pronoun only: once of the gender that most people in the
occupation have, once of the other. After de Vassimon Manela et al. 2021, `stereotype` is how often, of 100
sentences, a language model finds the pronoun of that gender likelier, and `skew` how often the male one.
The benchmark was made for coreference; type 1 needs knowledge of the world, type 2 is settled by syntax.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textmill.config.probe import WinoBias
from textmill.errors import UserError
from textmill.evaluation.metrics.metric import Floats
from textmill.evaluation.probes.figures import by_part, draw, measure, share
from textmill.evaluation.probes.files import benchmark_files
from textmill.evaluation.probes.fill import Filled, Filler
from textmill.progress import Progress

MALE = frozenset({"he", "him", "his", "himself"})
FEMALE = frozenset({"she", "her", "hers", "herself"})
_LINE = re.compile(r"^\s*\d+\s+(.*\S)\s*$")
_MARKED = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True)
class Pair:
    """A sentence with the pronoun that the occupation's majority has, and with the other one."""

    pro: Filled
    anti: Filled
    part: str
    male: bool

    @property
    def stereotype(self) -> str:
        """Whether most people in the occupation are men or women."""
        return "mostly men" if self.male else "mostly women"


def read_pairs(pro: str, anti: str, where: str, part: str) -> list[Pair]:
    """Pairs of two files whose lines differ in the pronoun (`12 [The cook] … [he] …`).

    Raises:
        UserError: a line has no pronoun in brackets, or the files do not fit.
    """
    sides = [text.strip().splitlines() for text in (pro, anti)]
    if len(sides[0]) != len(sides[1]):
        raise UserError(
            f"{where}: expected as many lines as its anti-stereotyped file has ({len(sides[1])}), found "
            f"{len(sides[0])}."
        )
    pairs = []
    for number, lines in enumerate(zip(*sides, strict=True), start=1):
        first, second = (_filled(line, f"{where}: line {number}") for line in lines)
        genders = [
            "male" if each.words.lower() in MALE else "female" if each.words.lower() in FEMALE else ""
            for each in (first, second)
        ]
        if set(genders) != {"male", "female"} or first.before != second.before:
            # A handful of published lines are not pairs; their authors leave them in.
            continue
        pairs.append(Pair(first, second, part, genders[0] == "male"))
    return pairs


def _filled(line: str, where: str) -> Filled:
    match = _LINE.match(line)
    marked = list(_MARKED.finditer(match[1])) if match else []
    pronouns = [found for found in marked if found[1].lower() in MALE | FEMALE]
    if match is None or not pronouns:
        raise UserError(
            f"{where}: expected a number and a sentence with a pronoun in brackets, found {line!r}."
        )
    pronoun = pronouns[-1]
    return Filled(_plain(match[1][: pronoun.start()]), pronoun[1], _plain(match[1][pronoun.end() :]))


def _plain(text: str) -> str:
    return text.replace("[", "").replace("]", "")


def winobias_report(pairs: Sequence[Pair], pro: Floats, anti: Floats) -> dict[str, Any]:
    """Stereotype and skew in percent, overall and by part; pairs that are exactly as likely are left out.

    Args:
        pairs: n pairs.
        pro, anti: the model's scores of both sentences, shape (n,).
    """
    decided = np.flatnonzero(pro != anti)
    chosen = [pairs[place] for place in decided.tolist()]
    stereotypical = (pro > anti)[decided]
    male = np.array([pair.male for pair in chosen], bool)
    prefers_male = stereotypical == male

    def figures(about: str, hits: np.ndarray) -> dict[str, Any]:
        parts = {
            **by_part([pair.part for pair in chosen], lambda rows: share(hits[rows])),
            **by_part([pair.stereotype for pair in chosen], lambda rows: share(hits[rows])),
        }
        return measure(about, share(hits), parts, 50.0)

    return {
        "stereotype": figures(
            "of 100 sentences, how often the pronoun of the occupation's majority is likelier", stereotypical
        ),
        "skew": figures("of 100 sentences, how often the male pronoun is likelier", prefers_male),
    }


def probe(params: WinoBias, seed: int, progress: Progress) -> dict[str, Any]:
    """Score the model of the params."""
    files = list(benchmark_files(params))
    if len(files) % 2:
        raise UserError(
            f"{files[-1][0]}: expected pairs of files, each pro-stereotyped one followed by its "
            f"anti-stereotyped one; found {len(files)}."
        )
    found: list[Pair] = []
    for (where, pro), (_, anti) in zip(files[0::2], files[1::2], strict=True):
        part = next((f"type {kind}" for kind in "12" if f"type{kind}" in where), "own")
        found += read_pairs(pro, anti, where, part)
    pairs = draw(found, lambda pair: (pair.part, pair.male), params.max_items, seed)
    filler = Filler(params.model, params.threads, params.batch_tokens)
    scores = filler.score([side for pair in pairs for side in (pair.pro, pair.anti)], progress.advance)
    return {
        "method": filler.method,
        "n": len(pairs),
        "items": len(found),
        "measures": winobias_report(pairs, scores[0::2], scores[1::2]),
    }
