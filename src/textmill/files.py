"""Files that are either whole or absent, and whose bytes depend on their content alone."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from textmill.errors import UserError


def is_disk_full(error: BaseException) -> bool:
    """Whether `error` says that a disk or a quota is full.

    Libraries that write in Rust or C++ raise errors of their own, which carry only the system's words.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return any(os.strerror(code) in str(error) for code in (errno.ENOSPC, errno.EDQUOT))


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends well.

    The temporary name starts with a dot, so that readers which list a directory never take it for a
    finished file. Whatever the block left is removed when it raises.

    Raises:
        OSError: the disk is full, whatever the block raised to say so; `filename` is `path`.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        if final.is_dir() and temporary.is_dir():
            shutil.rmtree(final)
        temporary.replace(final)
    except BaseException as error:
        _remove(temporary)
        if is_disk_full(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(final)) from error
        raise


@contextmanager
def replacing_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """As `replacing`, for a directory: the block starts with an empty one.

    What killed runs left beside `path` is removed first. Only one process at a time may write the directory.
    """
    final = Path(path)
    leftover = re.compile(rf"\.{re.escape(final.name)}\.\d+\.tmp")
    for other in final.parent.glob(".*.tmp"):
        if leftover.fullmatch(other.name):
            _remove(other)
    with replacing(final) as temporary:
        temporary.mkdir()
        yield temporary


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as readable JSON with sorted keys: equal values give equal bytes.

    Raises:
        ValueError: `value` holds a NaN or an infinity, which JSON cannot express.
    """
    text = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file written in UTF-8.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: it is damaged.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: expected JSON, but {error}.") from error
