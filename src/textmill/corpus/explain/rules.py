"""Every rule of select held against one document, whether or not an earlier one has dropped it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from textmill.config.select import Select
from textmill.corpus.selection.exclusions import excluded_ids
from textmill.corpus.selection.rules import Rule, rules_of


def would_fail(
    document: Mapping[str, Any],
    signals: Mapping[str, Any],
    overlaps: Sequence[Mapping[str, Any]],
    params: Select,
    single: Collection[str] = (),
) -> list[dict[str, Any]]:
    """The rules that apply to a document by itself, in the order in which they are tried.

    Duplicates and the mix depend on other documents and are not among them.

    Args:
        document: its row in clean.
        signals: its signals.
        overlaps: its rows in contamination.
        params: thresholds and which rules are in force.
        single: signals that are stored in single precision, in which they are compared.

    Returns:
        For each rule ``rule``, ``signal``, ``value``, ``threshold`` (what a kept document satisfies), ``of``
        (``by_source``, ``by_language`` or empty, where the threshold is written) and ``passed``.
    """
    rows = _simple(document, signals, overlaps, params)
    values = {**{name: value for name, value in document.items() if name.startswith("pii_")}, **signals}
    for rule in rules_of(params):
        if rule.signal in values:
            rows += _row(rule, values[rule.signal], document["source"], document["lang"], single)
    return rows


def _row(rule: Rule, value: Any, source: str, lang: str, single: Collection[str]) -> list[dict[str, Any]]:
    threshold = rule.threshold_for(source, lang)
    if np.isnan(threshold):
        return []
    number = np.array(
        [np.nan if value is None else value], np.float32 if rule.signal in single else np.float64
    )
    return [
        {
            "rule": rule.name,
            "signal": rule.signal,
            "value": value,
            "threshold": rule.wanted(threshold),
            "of": "by_source"
            if source in rule.by_source
            else "by_language"
            if lang in rule.by_language
            else "",
            "passed": not bool(rule.fails(number, np.array([threshold]))[0]),
        }
    ]


def _simple(
    document: Mapping[str, Any],
    signals: Mapping[str, Any],
    overlaps: Sequence[Mapping[str, Any]],
    params: Select,
) -> list[dict[str, Any]]:
    rules, rows = params.rules, []
    listed = excluded_ids(params.exclude, params.exclude_file)
    if rules.exclude and listed:
        rows.append(_found("exclude", None, "not listed", document["id"] not in listed))
    characters = signals.get("characters", len(document["text"]))
    if rules.empty:
        rows.append(_found("empty", characters, ">= 1", characters > 0))
    exempt = document["source"] in params.by_source and params.by_source[document["source"]].any_language
    if rules.language and not exempt:
        rows.append(
            _found(
                "language",
                document["lang"],
                ", ".join(params.languages),
                document["lang"] in params.languages,
            )
        )
    for overlap in overlaps if rules.contamination else ():
        allowed = params.max_contamination
        passed = bool(np.float32(overlap["fraction"]) <= np.float32(allowed))
        rows.append(
            _found(f"contamination.{overlap['task']}", overlap["fraction"], f"<= {allowed:g}", passed)
        )
    return rows


def _found(rule: str, value: Any, threshold: str, passed: bool) -> dict[str, Any]:
    return {"rule": rule, "signal": "", "value": value, "threshold": threshold, "of": "", "passed": passed}
