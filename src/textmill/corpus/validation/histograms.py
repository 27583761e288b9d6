"""Histograms over bins that no data moves, so that two corpora can be compared bin by bin."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

QUANTILES = (0.05, 0.5, 0.95)
_STEPS, _PER_OCTAVE = 40, 4


def bins_of(values: npt.NDArray[np.float64], counts: bool) -> npt.NDArray[np.int64]:
    """The bin of each value; larger values never have smaller bins.

    From 1 on bins are quarters of an octave. Below, whole numbers (`counts`) need only the bin of 0; other
    numbers, most of them ratios, have 40 bins of equal width. Negative numbers mirror positive ones.

    Args:
        values: finite numbers of any shape.
        counts: whether they are whole.
    """
    size = np.abs(values)
    below = 1 if counts else _STEPS
    with np.errstate(divide="ignore"):
        octaves = np.floor(_PER_OCTAVE * np.log2(np.maximum(size, 1.0)))
    found = np.where(size < 1, np.minimum(np.floor(size * below), below - 1), below + octaves)
    return np.where(values < 0, -1 - found, found).astype(np.int64)


def histogram(column: pa.ChunkedArray | pa.Array) -> dict[str, Any]:
    """A column of numbers or truth values as JSON can hold it.

    Returns:
        `scale` (``counts`` or ``ratios``, see `bins_of`), `count` of finite values, `missing` (null, NaN or
        infinite), `mean`, `p05`, `p50`, `p95` (null without values), and `bins`: how many values are in each
        bin that has any, by the bin's number as a string.
    """
    counts = not pa.types.is_floating(column.type)
    numbers = column.cast(pa.int64()) if pa.types.is_boolean(column.type) else column
    values = numbers.to_numpy(zero_copy_only=False) if isinstance(numbers, pa.Array) else numbers.to_numpy()
    values = values.astype(np.float64, copy=False)
    values = values[np.isfinite(values)]
    facts: dict[str, Any] = {
        "scale": "counts" if counts else "ratios",
        "count": len(values),
        "missing": len(column) - len(values),
        "mean": None,
        **{f"p{round(100 * share):02d}": None for share in QUANTILES},
        "bins": {},
    }
    if len(values):
        found = bins_of(values, counts)
        lowest = int(found.min())
        held = np.bincount(found - lowest)
        facts["bins"] = {str(lowest + place): int(held[place]) for place in np.flatnonzero(held).tolist()}
        facts["mean"] = _short(values.mean())
        for share, value in zip(QUANTILES, np.quantile(values, QUANTILES), strict=True):
            facts[f"p{round(100 * share):02d}"] = _short(value)
    return facts


def _short(value: float) -> float:
    """Nine significant digits: beyond them sums differ between machines."""
    return float(f"{value:.9g}")
