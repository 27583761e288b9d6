"""Try params on stored findings, as select would."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from textmill.config.select import Select
from textmill.corpus.selection.catalogue import KEPT, Catalogue
from textmill.corpus.selection.decide import Findings
from textmill.corpus.selection.funnel import funnel
from textmill.corpus.selection.rules import rules_of
from textmill.corpus.selection.select import read_evidence, settle
from textmill.errors import UserError

AT_ONCE = 8
"""Params that are tried on one reading of the signals; each takes about 32 bytes a document."""


@dataclass(frozen=True)
class Outcome:
    """What select would do.

    Attributes:
        catalogue: every document, decided.
        funnel: what reports/corpus.json would say; without the counts of the splits where select would stop.
        stops: the message with which select would stop, or empty.
    """

    catalogue: Catalogue
    funnel: dict[str, Any]
    stops: str

    def fate(self, documents: np.ndarray) -> list[str]:
        """What becomes of documents, given by their numbers: ``kept``, or the rule that drops them."""
        names = [verdict.rule for verdict in self.catalogue.verdicts]
        verdicts = self.catalogue.verdict[documents].tolist()
        return ["kept" if verdict == KEPT else names[verdict] for verdict in verdicts]


def outcomes(data: str | os.PathLike[str], trials: Sequence[Select], seed: int) -> Iterator[Outcome]:
    """Yield what select would do with each of `trials`, in order.

    The code that decides is select's own, so the counts are those that it would write.

    Args:
        data: directory that holds clean, signals, duplicates and contamination.
        trials: the params to try.
        seed: of the mix and the split.

    Raises:
        UserError: a rule asks for a signal that does not exist, or the inputs do not belong together.
    """
    folder = Path(data)
    findings: Findings | None = None
    for start in range(0, len(trials), AT_ONCE):
        group = trials[start : start + AT_ONCE]
        rule_sets = [rules_of(params) for params in group]
        catalogue, failures = read_evidence(folder, rule_sets)
        findings = findings or Findings.read(folder, catalogue)
        for params, rules, failed in zip(group, rule_sets, failures, strict=True):
            decided = catalogue.undecided()
            try:
                validation = settle(decided, rules, failed, findings, params, seed).validation
                yield Outcome(decided, funnel(decided, validation), "")
            except UserError as error:
                yield Outcome(decided, funnel(decided), str(error))


CHANGED = pa.schema([(name, pa.string()) for name in ("id", "source", "lang", "now", "then")])
"""A document that changes sides: `now` and `then` are ``kept`` or the rule that drops it."""


def changed(now: Outcome, then: Outcome) -> pa.Table:
    """The documents that one outcome keeps and the other drops, in the order of their ids."""
    rows = np.flatnonzero(now.catalogue.kept != then.catalogue.kept)
    rows = rows[np.argsort(now.catalogue.rank[rows])]
    documents = now.catalogue
    return pa.table(
        [
            [name.decode() for name in documents.ids[rows].tolist()],
            [documents.sources[number] for number in documents.source[rows].tolist()],
            [documents.langs[number] for number in documents.lang[rows].tolist()],
            now.fate(rows),
            then.fate(rows),
        ],
        schema=CHANGED,
    )
