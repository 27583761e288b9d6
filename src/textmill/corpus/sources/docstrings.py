"""Source kind `docstrings`: documentation of the standard library and of installed packages."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from textmill.config.ingest import Docstrings
from textmill.corpus.sources.faults import Faults
from textmill.corpus.sources.python_code import docstrings, installed, standard_library, version_of
from textmill.corpus.sources.records import (
    BATCH_RECORDS,
    Feed,
    Identity,
    Origin,
    Piece,
    Records,
    described,
)
from textmill.errors import UserError

Modules = list[tuple[str, Path]]


def feed(source: Docstrings) -> Feed:
    """Open the documentation of the modules a source names; one document per docstring.

    A document is ``name(signature)``, a blank line, and the docstring. Its key is the qualified name.

    Raises:
        UserError: nothing is named, or a package is not installed in the version named.
    """
    if not source.standard_library and not source.packages:
        raise UserError(
            "a docstrings source expects `standard_library: true`, `packages`, or both; found neither."
        )
    pieces: list[Piece] = []
    versions = {}
    if source.standard_library:
        versions["python"] = platform.python_version()
        pieces.append(_piece("python", standard_library(source.modules), source))
    for requirement in sorted(set(source.packages)):
        name = requirement.partition("==")[0].strip()
        modules = installed(requirement)
        versions[name] = version_of(requirement) if modules else ""
        pieces.append(_piece(name, modules, source))
    return Feed(pieces, {"versions": versions})


def _piece(package: str, modules: Modules, source: Docstrings) -> Piece:
    depends = {"min_chars": source.min_chars, "python": platform.python_version()}
    read = partial(_records, package, modules, source.min_chars)
    return Piece(package, read, partial(_identity, modules), depends)


def _identity(modules: Modules) -> Identity:
    """All files of a package; what the manifest names is its version."""
    digest = hashlib.sha256()
    for module, path in modules:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{module}\0{content}\n".encode())
    return Identity(f"modules:{digest.hexdigest()}", {})


def _records(package: str, modules: Modules, min_chars: int, faults: Faults) -> Iterator[Records]:
    origin = Origin(package, package, faults)
    names: list[str] = []
    texts: list[str] = []
    for module, path in modules:
        for found in docstrings(module, path):
            if len(found.text) >= min_chars:
                names.append(found.name)
                texts.append(f"{found.name}{found.signature}\n\n{found.text}")
        if len(names) >= BATCH_RECORDS:
            yield _batch(origin, names, texts)
            names, texts = [], []
    if names:
        yield _batch(origin, names, texts)


def _batch(origin: Origin, names: list[str], texts: list[str]) -> Records:
    return described(
        origin,
        [f"{origin.label}:{name}" for name in names],
        texts,
        [{"package": origin.label, "object": name} for name in names],
    )
