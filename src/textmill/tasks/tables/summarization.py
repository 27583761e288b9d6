"""Rows of kind `summarization`: a docstring's signature and body, and the summary line above them."""

from __future__ import annotations

from collections import Counter

from textmill.config.tasks import SummarizationTask
from textmill.corpus.sources.python_code import Docstring, docstrings, installed, standard_library
from textmill.errors import UserError
from textmill.tasks.tables.row import Row, Table

MIN_SUMMARY_CHARS = 15


def read(task: SummarizationTask) -> Table:
    """Read the docstrings of packages. The first paragraph is the summary, if it is one sentence (PEP 257).

    The input is ``name(signature)``, a line end, and the rest of the docstring.

    Raises:
        UserError: nothing is named, or a package is not installed in the version named.
    """
    origins = [("python", standard_library(task.modules))] if task.standard_library else []
    origins += [(name.partition("==")[0].strip(), installed(name)) for name in sorted(set(task.packages))]
    if not origins:
        raise UserError("expected `standard_library: true`, `packages`, or both; found neither.")
    rows = []
    dropped: Counter[str] = Counter()
    for origin, modules in origins:
        for module, path in modules:
            for found in docstrings(module, path):
                row = _row(found, origin, task)
                if isinstance(row, Row):
                    rows.append(row)
                else:
                    dropped[row] += 1
    return Table("generation", rows, "en", "en", dropped)


def _row(found: Docstring, origin: str, task: SummarizationTask) -> Row | str:
    """A row, or why there is none."""
    first, _, body = found.text.partition("\n\n")
    summary, body = " ".join(first.split()), body.strip()
    if len(body) < task.min_body_chars:
        return "short body"
    if not MIN_SUMMARY_CHARS <= len(summary) <= task.max_summary_chars:
        return "summary length"
    if not summary.endswith(".") or not summary[0].isupper() or ". " in summary:
        return "summary is not one sentence"
    if summary.lower() in " ".join(body.split()).lower():
        return "summary repeated in body"
    return Row(
        f"{origin}:{found.name}",
        f"{found.name}{found.signature}\n{_cut(body, task.max_body_chars)}",
        summary,
        origin,
    )


def _cut(body: str, size: int) -> str:
    """At most `size` characters, up to the last line end within them."""
    if len(body) <= size:
        return body
    head = body[:size]
    return head[: head.rfind("\n")].rstrip() if "\n" in head[size // 2 :] else head.rstrip()
