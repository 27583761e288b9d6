"""A family of signals: the columns that one publication proposed, and the function that computes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from textmill.config.annotate import Annotate
from textmill.corpus.signals.layout import Layout

COUNT = pa.int64()
RATIO = pa.float64()


@dataclass(frozen=True)
class Signal:
    """One column: its name, its type (COUNT or RATIO) and what it holds."""

    name: str
    type: pa.DataType
    description: str


@dataclass(frozen=True)
class Family:
    """The signals of one publication.

    Attributes:
        name: how params.yaml calls it.
        paper: where the signals come from.
        signals: the columns, in order.
        compute: maps the layout of a batch to one array per signal, with one value per document.
    """

    name: str
    paper: str
    signals: tuple[Signal, ...]
    compute: Callable[[Layout, Annotate], Mapping[str, np.ndarray | np.ma.MaskedArray]]
