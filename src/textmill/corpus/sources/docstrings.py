"""Source kind `docstrings`: documentation of the standard library and of installed packages."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from textmill.config.ingest import Docstrings
from textmill.corpus.sources.python_code import docstrings, installed, standard_library, version_of
from textmill.corpus.sources.records import BATCH_RECORDS, Feed, Records
from textmill.errors import UserError


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
    modules: list[tuple[str, str, Path]] = []
    versions = {}
    if source.standard_library:
        versions["python"] = platform.python_version()
        modules += [("python", *module) for module in standard_library(source.modules)]
    for requirement in sorted(set(source.packages)):
        name = requirement.partition("==")[0].strip()
        versions[name] = version_of(requirement) if (found := installed(requirement)) else ""
        modules += [(name, *module) for module in found]

    def records() -> Iterator[Records]:
        names, texts, origins = [], [], []
        for origin, module, path in modules:
            for found in docstrings(module, path):
                if len(found.text) < source.min_chars:
                    continue
                names.append(f"{origin}:{found.name}")
                texts.append(f"{found.name}{found.signature}\n\n{found.text}")
                origins.append(json.dumps({"package": origin, "object": found.name}, separators=(",", ":")))
            if len(names) >= BATCH_RECORDS:
                yield _batch(names, texts, origins)
                names, texts, origins = [], [], []
        if names:
            yield _batch(names, texts, origins)

    return Feed(records, {"versions": versions})


def _batch(names: list[str], texts: list[str], origins: list[str]) -> Records:
    return Records(
        pa.array(names, pa.string()),
        pa.array(texts, pa.large_string()),
        pa.array(origins, pa.string()),
        lambda index: names[index],
    )
