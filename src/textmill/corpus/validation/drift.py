"""How far a corpus has moved from the one accepted last.

With p the accepted and q the current share of each group of values:

- ``psi``, the population stability index: the sum of ``(q - p) * ln(q / p)``, which is the symmetrised
  Kullback-Leibler divergence (Jeffreys 1946). Half a document is added to every group, so that an empty one
  is not infinitely far.
- ``js``, the Jensen-Shannon distance (Endres and Schindelin 2003): the root of the mean of the divergences of
  p and q from their midpoint, in bits; from 0 to 1.
- ``ks``, the Kolmogorov-Smirnov statistic: the largest difference of the two distribution functions, here at
  the edges of the bins; from 0 to 1. Mixtures have no order and no ``ks``.

Groups of a signal are its bins, joined until the accepted corpus has about a twentieth of its documents in
each; bins that are empty there are one group, and so are missing values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

GROUPS = 20
Counts = npt.NDArray[np.float64]

SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("name", pa.string()),
        *((name, pa.float64()) for name in ("psi", "noise", "excess", "js", "ks", "accepted", "current")),
    ]
)


def drift(accepted: Mapping[str, Any], current: Mapping[str, Any]) -> pa.Table:
    """Compare two profiles.

    Returns:
        A row per thing compared, with `psi`, `js`, `ks` as above; `noise`, the psi that two samples of one
        corpus have on average, (groups - 1) (1/n + 1/m) (Yurdakul 2018); `excess`, psi beyond the noise.

        - `kind` ``mix``, `name` ``languages``, ``sources`` (of documents), ``language_characters``,
          ``source_characters``; `accepted` and `current` are numbers of documents.
        - ``language`` and ``source``, one row per code and source: `accepted` and `current` are shares of
          documents, and the other column compares this one with all others.
        - ``length`` (``characters``) and ``signal``: `accepted` and `current` are medians. A signal that
          only one of the profiles has, or has on another scale, has no row.
    """
    rows = []
    for kind, plural in (("language", "languages"), ("source", "sources")):
        rows += _mixes(kind, accepted[plural], current[plural])
        rows += _values(kind, accepted[plural], current[plural])
    rows.append(_numbers("length", "characters", accepted["lengths"], current["lengths"]))
    for name, before in accepted["signals"].items():
        now = current["signals"].get(name)
        if now is not None and now["scale"] == before["scale"]:
            rows.append(_numbers("signal", name, before, now))
    return pa.Table.from_pylist(rows, SCHEMA)


def largest(moved: pa.Table | None, count: int = 3) -> str:
    """A sentence that names what moved most, by `excess`; empty if nothing did."""
    rows = [] if moved is None else sorted(moved.to_pylist(), key=lambda row: -row["excess"])[:count]
    named = [
        f"{row['kind']} {row['name']} (psi {row['psi']:.2f}, {row['accepted']:.4g} before, "
        f"{row['current']:.4g} now)"
        for row in rows
        if row["excess"] > 0
    ]
    return f"What moved most: {'; '.join(named)}. " if named else ""


def psi(accepted: Counts, current: Counts) -> float:
    """The population stability index of two vectors of counts, half a count added to each."""
    p, q = _shares(accepted + 0.5), _shares(current + 0.5)
    return float(np.sum((q - p) * np.log(q / p)))


def jensen_shannon(accepted: Counts, current: Counts) -> float:
    """The Jensen-Shannon distance of two vectors of counts, base 2."""
    p, q = _shares(accepted), _shares(current)
    middle = (p + q) / 2
    divergence = (_divergence(p, middle) + _divergence(q, middle)) / 2
    return float(np.sqrt(max(divergence, 0.0)))


def kolmogorov_smirnov(accepted: Counts, current: Counts) -> float:
    """The largest difference of the cumulative shares of two vectors of counts of ordered bins."""
    return float(np.max(np.abs(np.cumsum(_shares(accepted)) - np.cumsum(_shares(current))), initial=0.0))


def _shares(counts: Counts) -> Counts:
    return counts / max(counts.sum(), 1e-300)


def _divergence(p: Counts, q: Counts) -> float:
    some = p > 0
    return float(np.sum(p[some] * np.log2(p[some] / q[some])))


def _compared(before: Counts, now: Counts) -> dict[str, float]:
    seen = (before > 0) | (now > 0)
    before, now = before[seen], now[seen]
    found = psi(before, now) if len(before) else 0.0
    noise = max(len(before) - 1, 0) * (1 / max(before.sum(), 1) + 1 / max(now.sum(), 1))
    return {
        "psi": found,
        "noise": float(noise),
        "excess": max(found - float(noise), 0.0),
        "js": jensen_shannon(before, now),
    }


def _mixes(kind: str, accepted: Mapping[str, Any], current: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = sorted({*accepted, *current})
    before, now = (_vector(each, names, "documents") for each in (accepted, current))
    rows = [{"name": f"{kind}s", **_compared(before, now)}]
    # Characters come in documents: as many of them as there are documents carry the information.
    weighed = [
        _shares(_vector(each, names, "characters")) * documents.sum()
        for each, documents in ((accepted, before), (current, now))
    ]
    rows.append({"name": f"{kind}_characters", **_compared(*weighed)})
    totals = {"accepted": before.sum(), "current": now.sum()}
    return [{"kind": "mix", **row, **totals} for row in rows]


def _values(kind: str, accepted: Mapping[str, Any], current: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = sorted({*accepted, *current})
    before, now = (_vector(each, names, "documents") for each in (accepted, current))
    return [
        {
            "kind": kind,
            "name": name,
            **_compared(
                np.array([before[place], before.sum() - before[place]]),
                np.array([now[place], now.sum() - now[place]]),
            ),
            "accepted": float(_shares(before)[place]),
            "current": float(_shares(now)[place]),
        }
        for place, name in enumerate(names)
    ]


def _vector(counts: Mapping[str, Any], names: list[str], unit: str) -> Counts:
    return np.array([counts.get(name, {}).get(unit, 0) for name in names], np.float64)


def _numbers(kind: str, name: str, accepted: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
    places = sorted({*map(int, accepted["bins"]), *map(int, current["bins"])})
    before, now = (
        np.array([each["bins"].get(str(place), 0) for place in places], np.float64)
        for each in (accepted, current)
    )
    group = _groups(before)
    missing = [float(each["missing"]) for each in (accepted, current)]
    grouped = [
        np.append(np.bincount(group, bins, GROUPS + 1), lost)
        for bins, lost in zip((before, now), missing, strict=True)
    ]
    return {
        "kind": kind,
        "name": name,
        **_compared(*grouped),
        "ks": kolmogorov_smirnov(before, now),
        "accepted": accepted["p50"],
        "current": current["p50"],
    }


def _groups(accepted: Counts) -> npt.NDArray[np.int64]:
    """The group of each bin: by the accepted share below it; bins that are empty there are one more."""
    shares = _shares(accepted)
    below = np.cumsum(shares) - shares
    return np.where(accepted > 0, np.minimum(np.floor(GROUPS * below + 1e-9), GROUPS - 1), GROUPS).astype(
        np.int64
    )
