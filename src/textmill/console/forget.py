"""`textmill forget`: put documents and task rows on the exclusion list, and say who has seen them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from textmill.config.load import params_file, read_params, validated
from textmill.config.select import Select
from textmill.console import finding
from textmill.console.screen import console, counted, table
from textmill.corpus.explain.remaining import Twin, twins
from textmill.corpus.lookup import find_documents
from textmill.corpus.selection.exclusions import Exclusion, read_exclusions, write_exclusions
from textmill.errors import UserError
from textmill.registry.seen import Seen, seen_by

MOST_LISTED = 20
DEFAULT = "exclusions.jsonl"


@dataclass(frozen=True)
class Request:
    """What is to be forgotten, and how.

    Attributes:
        ids: whole ids or beginnings of ids.
        match: an expression; all documents whose text matches.
        file: one id a line; blank lines and what follows a # are skipped.
        reason, date: for the list; empty if nothing is to be said.
        with_duplicates: the (near-)duplicates too.
        dry_run: write nothing.
        json: print JSON.
    """

    ids: Sequence[str] = ()
    match: str = ""
    file: Path | None = None
    reason: str = ""
    date: str = ""
    with_duplicates: bool = False
    dry_run: bool = False
    json: bool = False


@dataclass(frozen=True)
class Result:
    """What was done.

    Attributes:
        added, already: ids that are new on the list, and that were on it.
        documents: how many of the ids are of documents.
        rows: task and split by the id of a task row.
        unknown: ids that neither a document nor a task row has now.
        remaining: duplicates that are not on the list.
        seen: model versions.
    """

    added: list[str]
    already: list[str]
    documents: int
    rows: dict[str, tuple[str, str]]
    unknown: list[str]
    remaining: list[Twin]
    seen: list[Seen]


def forget(request: Request, root: Path = Path()) -> None:
    """List what is asked for, and print what that means.

    Asking for the same again changes nothing.

    Raises:
        UserError: nothing is meant, an id or the list is wrong, or params.yaml names no list.
    """
    path = _list_path(root)
    result = _forgotten(request, root, path)
    if request.json:
        print(_json(result))
        return
    _show(request, result, path)


def _list_path(root: Path) -> Path:
    params = validated(Select, read_params().get("select") or {}, params_file(), "select")
    if not params.exclude_file:
        raise UserError(
            f"{params_file()}: select.exclude_file: missing; expected a file, such as {DEFAULT}. Without "
            "it no run would honour the list."
        )
    if not params.rules.exclude:
        raise UserError(f"{params_file()}: select.rules.exclude is false, so no run would honour the list.")
    return root / params.exclude_file


def _forgotten(request: Request, root: Path, path: Path) -> Result:
    data = root / "data"
    wanted = _wanted(request, data)
    listed = read_exclusions(path) if path.is_file() else []
    before = {row.id for row in listed}
    remaining = [one for one in twins(data, wanted) if one.id not in before]
    if request.with_duplicates:
        wanted = list(dict.fromkeys([*wanted, *(one.id for one in remaining)]))
        remaining = []
    added = [name for name in wanted if name not in before]
    if added and not request.dry_run:
        write_exclusions(path, [*listed, *(Exclusion(name, request.reason, request.date) for name in added)])
    documents = find_documents(data / "clean", wanted) if any((data / "clean").glob("part-*.parquet")) else {}
    rows = finding.task_rows(data, wanted)
    return Result(
        added=added,
        already=[name for name in wanted if name in before],
        documents=len(documents),
        rows=rows,
        unknown=[name for name in wanted if name not in documents and name not in rows],
        remaining=remaining,
        seen=seen_by(root, wanted),
    )


def _wanted(request: Request, data: Path) -> list[str]:
    texts = [*request.ids, *(_lines(request.file) if request.file else ())]
    wanted = [_whole(data, text) for text in texts]
    if request.match:
        wanted += finding.by_text(data, request.match, most=None)
    if not wanted:
        raise UserError("nothing to forget: name ids, --match EXPRESSION or --file IDS.")
    return list(dict.fromkeys(wanted))


def _lines(file: Path) -> list[str]:
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: expected a file with an id a line, but {error}.") from None
    found = [line.partition("#")[0].strip() for line in lines]
    for number, text in enumerate(found, 1):
        if text and not finding.HEX.fullmatch(text.lower()):
            raise UserError(f"{file}: line {number}: expected an id (hex digits), found {text[:60]!r}.")
    return [text for text in found if text]


def _whole(data: Path, text: str) -> str:
    """The id that `text` is or begins; a whole one need not be of anything that is there now."""
    prefix = finding.checked(text)
    if len(prefix) == 32:
        return prefix
    document = finding.by_prefix(data, prefix)
    if document is not None:
        return document[0]
    rows = finding.task_rows(data, [prefix], prefix=True)
    if len(rows) != 1:
        found = (
            f"several task rows begin so: {', '.join(rows)}" if rows else "no document or task row begins so"
        )
        raise UserError(f"{text}: {found}; expected one. A whole id of 32 hex digits is listed in any case.")
    return next(iter(rows))


def _json(result: Result) -> str:
    value: dict[str, Any] = {
        **vars(result),
        "remaining": [one._asdict() for one in result.remaining],
        "seen": [one.as_dict() for one in result.seen],
    }
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _show(request: Request, result: Result, path: Path) -> None:
    screen = console()
    verb = "would be added to" if request.dry_run else "added to"
    known = f"{counted(result.documents, 'document')}, {counted(len(result.rows), 'task row')}"
    added, before = counted(len(result.added), "id"), counted(len(result.already), "id")
    screen.print(f"{added} {verb} {path}; {before} on it before; in all {known}")
    for name in result.added[:MOST_LISTED]:
        of = result.rows.get(name)
        screen.print(f"  {name}" + (f"  a {of[1]} row of {of[0]}" if of else ""))
    if len(result.added) > MOST_LISTED:
        screen.print(f"  and {len(result.added) - MOST_LISTED:,} more")
    if result.unknown:
        screen.print(
            f"{len(result.unknown):,} are of nothing that is there now: {', '.join(result.unknown[:5])}"
        )
    if result.remaining:
        screen.print(f"\nremaining duplicates: {len(result.remaining):,} (--with-duplicates adds them)")
        rows = [[one.id, one.kind, one.of] for one in result.remaining[:MOST_LISTED]]
        screen.print(table(["id", "", "duplicate of"], rows))
    _show_models(result)
    if result.added or result.already:
        names = sorted({task for task, _ in result.rows.values()})
        stages = [
            *(["select"] if result.documents or result.unknown else []),
            *(f"tasks@{name}" for name in names),
        ]
        only = f"`textmill run {' '.join(stages)}` renews only the data"
        screen.print(f"\nnext: `make run` trains again without them; {only}. Commit {path.name} with git.")


def _show_models(result: Result) -> None:
    screen = console()
    if not result.seen:
        screen.print("\nno registered model version saw them")
        return
    counts: dict[tuple[str, str, str, str, str], int] = {}
    for one in result.seen:
        key = (one.model, one.version, ", ".join(one.aliases), one.how, one.data)
        counts[key] = counts.get(key, 0) + 1
    rows = [
        [
            *key[:3],
            "cannot be told: no longer in the DVC cache" if key[3] == "unknown" else key[3],
            key[4],
            count,
        ]
        for key, count in counts.items()
    ]
    screen.print("\nmodel versions that saw them")
    screen.print(table(["model", "version", "alias", "split", "through", "of these"], rows))
