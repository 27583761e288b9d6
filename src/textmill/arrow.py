"""pyarrow in a process that has no use for pandas."""

from __future__ import annotations

import sys

import pyarrow as pa


class _NoPandas:
    def find_spec(self, name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)


def arrow_without_pandas() -> None:
    """Have pyarrow never import pandas in this process.

    The first array that pyarrow makes from Python values has it look for pandas. To import it takes as long
    as all else that a worker needs. `to_pandas` fails from now on; whoever imports pandas still gets it.
    """
    hidden = _NoPandas()
    sys.meta_path.insert(0, hidden)  # type: ignore[arg-type]
    pa.array([0])
    sys.meta_path.remove(hidden)  # type: ignore[arg-type]
