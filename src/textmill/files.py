"""Files that are either whole or absent, and whose bytes depend on their content alone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends well.

    The temporary name starts with a dot, so that readers which list a directory never take it for a
    finished file. Whatever the block left is removed when it raises.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        if final.is_dir() and temporary.is_dir():
            shutil.rmtree(final)
        temporary.replace(final)
    except BaseException:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)
        raise


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as readable JSON with sorted keys: equal values give equal bytes.

    Raises:
        ValueError: `value` holds a NaN or an infinity, which JSON cannot express.
    """
    text = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file written in UTF-8."""
    return json.loads(Path(path).read_text(encoding="utf-8"))
