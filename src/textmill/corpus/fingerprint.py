"""What a piece of work depends on besides its input, as one hash: its name, its options, the code."""

from __future__ import annotations

import dataclasses
import os
import pickle
import re
import sys
import uuid
from collections.abc import Mapping, Set
from functools import cache, partial
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash
from pydantic import BaseModel

_BYTES_AT_ONCE = 1 << 20


def fingerprint(value: Any) -> str:
    """A hash, 32 hex digits, of a value as it is, not of how it came about: equal in every process.

    Models, data classes, partial functions, containers and arrays count by their content, a function by its
    name (`code_version` covers its body). What else there is counts by its pickle, which may differ between
    processes for equal values, but never agrees for different ones.
    """
    return xxhash.xxh3_128_hexdigest(repr(_canonical(value)).encode("utf-8", "surrogatepass"))


def _canonical(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, FunctionType):
        return _function(value)
    if isinstance(value, partial):
        return name, _canonical(value.func), _canonical(value.args), _canonical(value.keywords)
    if isinstance(value, BaseModel):
        return name, _canonical({key: getattr(value, key) for key in type(value).model_fields})
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return name, _canonical(
            {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        )
    if isinstance(value, Mapping):
        return name, sorted((repr(_canonical(key)), _canonical(item)) for key, item in value.items())
    if isinstance(value, Set):
        return name, sorted(repr(_canonical(item)) for item in value)
    if isinstance(value, list | tuple):
        return name, [_canonical(item) for item in value]
    if isinstance(value, Path | pa.Schema):
        return name, str(value)
    if isinstance(value, re.Pattern):
        return name, value.pattern, value.flags
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        content = xxhash.xxh3_128_hexdigest(np.ascontiguousarray(value).data)
        return name, str(value.dtype), value.shape, content
    return name, xxhash.xxh3_128_hexdigest(pickle.dumps(value))


def _function(value: FunctionType) -> str:
    if "<" in value.__qualname__:
        # Its name does not tell it from others: nothing is ever equal to it.
        return uuid.uuid4().hex
    return f"{value.__module__}.{value.__qualname__}"


@cache
def code_version() -> str:
    """A hash of every file of this package, of the interpreter and of what is installed beside pyarrow."""
    hasher = xxhash.xxh3_128(sys.version.encode())
    root = Path(__file__).resolve().parents[1]
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            hasher.update(f"{path.relative_to(root).as_posix()}\0".encode())
            hasher.update(path.read_bytes())
    # The names of these directories carry the versions; to read their metadata would take a second.
    installed = sorted(path.name for path in Path(pa.__file__).parents[1].glob("*.dist-info"))
    hasher.update("\0".join(installed).encode())
    return hasher.hexdigest()


def file_digest(path: str | os.PathLike[str]) -> str:
    """The XXH3-128 of a file's bytes, 32 hex digits."""
    hasher = xxhash.xxh3_128()
    with Path(path).open("rb") as file:
        while block := file.read(_BYTES_AT_ONCE):
            hasher.update(block)
    return hasher.hexdigest()
