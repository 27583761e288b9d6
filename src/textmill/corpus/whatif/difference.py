"""Two funnels side by side: per rule, source and language."""

from __future__ import annotations

from typing import Any


def difference(now: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    """What changes from one funnel to another.

    Returns:
        ``rules``, in the order in which they are tried: ``name``, ``now``, ``then`` (documents dropped) and
        ``change``; ``sources`` and ``languages``: the same of documents kept, and ``in``, ``characters_now``,
        ``characters_then``; ``total``: such a row for all documents.
    """
    return {
        "rules": _rules(now["dropped"], then["dropped"]),
        "total": _kept("all", now, then),
        **{
            key: [_kept(name, now[key][name], then[key][name]) for name in now[key]]
            for key in ("sources", "languages")
        },
    }


def _rules(now: list[dict[str, Any]], then: list[dict[str, Any]]) -> list[dict[str, Any]]:
    before = {row["rule"]: row["documents"] for row in now}
    after = {row["rule"]: row["documents"] for row in then}
    rows = []
    for name in _merged(list(before), list(after)):
        counts = {"now": before.get(name, 0), "then": after.get(name, 0)}
        rows.append({"name": name, **counts, "change": counts["then"] - counts["now"]})
    return rows


def _merged(one: list[str], other: list[str]) -> list[str]:
    """Both lists in one, each in its order: a rule that only one of them has stands after its neighbour."""
    merged = list(one)
    place = 0
    for name in other:
        if name in merged:
            place = merged.index(name) + 1
        else:
            merged.insert(place, name)
            place += 1
    return merged


def _kept(name: str, now: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    counts = {"now": now["documents"]["kept"], "then": then["documents"]["kept"]}
    return {
        "name": name,
        "in": now["documents"]["in"],
        **counts,
        "change": counts["then"] - counts["now"],
        "characters_now": now["characters"]["kept"],
        "characters_then": then["characters"]["kept"],
    }
