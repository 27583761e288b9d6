"""Quality rules: a signal, a bound, and a threshold that may differ by source and language.

The rules are read off the params: the key ``min_words`` of the family ``gopher`` keeps documents whose signal
``gopher_words`` is at least the threshold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.config.select import Select, Thresholds
from textmill.errors import UserError

FAMILIES = ("pii", "gopher", "repetition", "c4", "fineweb")


@dataclass(frozen=True)
class Rule:
    """Keep documents whose `signal` is at least, or at most, a threshold.

    Attributes:
        name: as in params.yaml under select, for instance ``gopher.min_words``.
        signal: the column of data/signals, or, for counts of personal data, of data/clean.
        bound: ``min`` or ``max``.
        threshold: null is no bound.
        by_source, by_language: thresholds that take its place; those of the source come first.
    """

    name: str
    signal: str
    bound: str
    threshold: float | None
    by_source: dict[str, float | None]
    by_language: dict[str, float | None]

    @property
    def stage(self) -> str:
        """The stage that measured the signal."""
        prefixes = {"pii_": "clean", "quality_": "quality"}
        return next(
            (stage for prefix, stage in prefixes.items() if self.signal.startswith(prefix)), "annotate"
        )

    @property
    def in_force(self) -> bool:
        """Whether any document can fail it."""
        thresholds = [self.threshold, *self.by_source.values(), *self.by_language.values()]
        return any(threshold is not None for threshold in thresholds)

    def threshold_for(self, source: str, lang: str) -> float:
        """The threshold for a document, NaN where there is none."""
        threshold = self.by_source.get(source, self.by_language.get(lang, self.threshold))
        return np.nan if threshold is None else float(threshold)

    def fails(self, values: npt.NDArray[Any], thresholds: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Which values fail. A value or a threshold that is NaN fails nothing.

        The comparison has the signal's own precision: a float32 signal of 0.3 meets a threshold of 0.3.
        """
        if values.dtype == np.float32:
            thresholds = thresholds.astype(np.float32)
        return values < thresholds if self.bound == "min" else values > thresholds

    def wanted(self, threshold: float) -> str:
        """What a kept document satisfies, in words for the ledger."""
        return f"{'>=' if self.bound == 'min' else '<='} {threshold:g}"


def rules_of(params: Select) -> list[Rule]:
    """The quality rules of the params that are in force, in the order in which they are tried."""
    rules = []
    for family, key, signal in _keys(params):
        if not getattr(params.rules, family):
            continue
        rule = Rule(
            name=f"{family}.{key}",
            signal=signal,
            bound=_bound(family, key),
            threshold=_written(params, family, key, default=True).get("value"),
            by_source=_overrides(params.by_source, family, key),
            by_language=_overrides(params.by_language, family, key),
        )
        if rule.in_force:
            rules.append(rule)
    return rules


def _keys(params: Select) -> Iterator[tuple[str, str, str]]:
    """Family, key and signal of every possible rule."""
    for family in FAMILIES:
        for key in type(getattr(params, family)).model_fields:
            name = key if family == "pii" else key.split("_", 1)[1]
            yield family, key, f"{family}_{name}"
    names = dict.fromkeys(params.signals)
    for override in (*params.by_language.values(), *params.by_source.values()):
        names.update(dict.fromkeys(override.signals))
    for name in names:
        for bound in ("min", "max"):
            yield "signals", f"{name}.{bound}", name


def _bound(family: str, key: str) -> str:
    if family == "pii":
        return "max"
    return key.split("_")[0] if family != "signals" else key.rsplit(".", 1)[1]


def _written(section: Thresholds, family: str, key: str, default: bool = False) -> dict[str, float | None]:
    """The value of a key, if it is written in the params (or has a default that counts)."""
    if family == "signals":
        name, key = key.rsplit(".", 1)
        if name not in section.signals:
            return {}
        part: Any = section.signals[name]
    else:
        part = getattr(section, family)
    return {"value": getattr(part, key)} if default or key in part.model_fields_set else {}


def _overrides(sections: Any, family: str, key: str) -> dict[str, float | None]:
    found = {name: _written(section, family, key) for name, section in sections.items()}
    return {name: written["value"] for name, written in found.items() if written}


def check_signals(rules: Sequence[Rule], columns: Sequence[str], where: str) -> None:
    """See that every rule has its signal.

    Raises:
        UserError: a rule asks for a signal that annotate did not write; the message names the known ones.
    """
    for rule in rules:
        if rule.signal not in columns and rule.stage == "clean":
            raise UserError(
                f"params.yaml: select.{rule.name}: data/clean has no column {rule.signal}. Run clean again, "
                "with `clean.names` if names or addresses are to be found, or set the key to null."
            )
        if rule.signal not in columns and rule.stage == "quality":
            raise UserError(
                f"params.yaml: select.{rule.name}: data/quality has no column {rule.signal}. Say under "
                "quality.good which documents are good and run quality, or take the threshold out."
            )
        if rule.signal not in columns:
            known = ", ".join(column for column in columns if column != "id")
            raise UserError(
                f"params.yaml: select.{rule.name}: {where} has no signal {rule.signal}. Known signals: "
                f"{known}. Set the threshold to null, or have annotate write the signal."
            )


@dataclass(frozen=True)
class Failures:
    """For each document the first rule that fails, int32 (-1 is none), its value and threshold, float64."""

    rule: npt.NDArray[np.int32]
    value: npt.NDArray[np.float64]
    threshold: npt.NDArray[np.float64]


def joined(parts: Sequence[Failures]) -> Failures:
    """The failures of shards, one after the other."""
    return Failures(
        np.concatenate([each.rule for each in parts]),
        np.concatenate([each.value for each in parts]),
        np.concatenate([each.threshold for each in parts]),
    )


class Trials:
    """Rules tried on a shard; a rule that several sets of rules share is tried once.

    Args:
        signals: the shard's signals.
        source, lang: for each document an index into `sources` and `langs`.
        sources, langs: the names.
    """

    def __init__(
        self,
        signals: pa.Table,
        source: npt.NDArray[np.int64],
        lang: npt.NDArray[np.int64],
        sources: Sequence[str],
        langs: Sequence[str],
    ):
        self._signals, self._source, self._lang = signals, source, lang
        self._sources, self._langs = sources, langs
        self._known: dict[str, tuple[npt.NDArray[np.int64], npt.NDArray[Any], npt.NDArray[np.float64]]] = {}

    def first_failures(self, rules: Sequence[Rule]) -> Failures:
        """Try rules in order, as `rules_of` gives them."""
        rows = self._signals.num_rows
        failed = np.full(rows, -1, np.int32)
        value, limit = np.full(rows, np.nan), np.full(rows, np.nan)
        for number, rule in enumerate(rules):
            failing, values, thresholds = self._failing(rule)
            fresh = failed[failing] < 0
            documents = failing[fresh]
            failed[documents], value[documents], limit[documents] = number, values[fresh], thresholds[fresh]
        return Failures(failed, value, limit)

    def _failing(self, rule: Rule) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any], npt.NDArray[np.float64]]:
        """The documents that fail a rule, with their values and thresholds."""
        key = repr(rule)
        if key not in self._known:
            limits = [rule.threshold_for(source, lang) for source in self._sources for lang in self._langs]
            table = np.array(limits, np.float64).reshape(len(self._sources), len(self._langs))
            thresholds = table[self._source, self._lang]
            values = _numbers(self._signals[rule.signal])
            failing = np.flatnonzero(rule.fails(values, thresholds))
            self._known[key] = failing, values[failing], thresholds[failing]
        return self._known[key]


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return column.to_numpy()
