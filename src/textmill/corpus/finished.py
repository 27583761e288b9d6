"""Finished shards of an unfinished run, kept apart from what the stage writes.

DVC deletes a stage's outs before it starts, so a shard that a killed run had finished must lie elsewhere: in
``<directory>/<work>-<hash of options and code>/<shard>-<hash of the input>/``, with a seal that holds the
hashes of the files. A rerun takes what is sealed and true, and does the rest again.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from textmill.corpus.engines import Engine
from textmill.corpus.fingerprint import code_version, file_digest, fingerprint
from textmill.errors import UserError
from textmill.files import read_json, write_json

Result = TypeVar("Result")

SHARDS = Path(".textmill/shards")
"""Where stages keep finished shards, relative to the repository root."""
SEAL = "seal.json"


@contextmanager
def finished_shards(
    directory: str | os.PathLike[str] | None, work: str, options: Any
) -> Iterator[Path | None]:
    """Yield the folder for the finished shards of this very work; remove it when the block ends well.

    Shards of the same work with other options or other code are of no use any more and go first.

    Args:
        directory: where such folders lie; None keeps nothing.
        work: its name; one process at a time may do it in one `directory`.
        options: all that the result depends on besides the input and the code; see `fingerprint`.
    """
    if directory is None:
        yield None
        return
    folder = Path(directory).absolute() / f"{work}-{fingerprint([options, code_version()])}"
    for other in folder.parent.glob("*"):
        if other != folder and re.fullmatch(rf"{re.escape(work)}-[0-9a-f]{{32}}", other.name):
            shutil.rmtree(other)
    for unsealed in folder.glob(".*.tmp"):
        shutil.rmtree(unsealed)
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def gathering(kept: Path | None) -> Iterator[Path]:
    """Yield an empty folder for shards that are read and not written out: in `kept`, else in the system's."""
    if kept is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
        return
    gathered = kept / ".gathered.tmp"
    gathered.mkdir()
    yield gathered


@dataclass(frozen=True)
class ShardTask(Generic[Result]):
    """Does one shard, or takes what an earlier run had finished.

    Attributes:
        function: reads a shard and writes one or more files of its own into a folder; returns what JSON can
            hold. Picklable, and a function of the shard's bytes and its own options alone.
        target: the folder that gets the files.
        kept: the folder of `finished_shards`, on the same file system if it is to cost nothing; None writes
            to `target` alone.
    """

    function: Callable[[Path, Path], Result]
    target: Path
    kept: Path | None = None

    def __call__(self, source: Path) -> Result:
        """What `function` returned for the shard at `source`, whose files are now in `target`."""
        if self.kept is None:
            return self.function(source, self.target)
        entry = self.kept / f"{source.stem}-{file_digest(source)}"
        seal = _true_seal(entry)
        if seal is None:
            seal = self._do(source, entry)
        for name in seal["files"]:
            _link(entry / name, self.target / name)
        return seal["result"]

    def _do(self, source: Path, entry: Path) -> dict[str, Any]:
        shutil.rmtree(entry, ignore_errors=True)
        unsealed = entry.with_name(f".{entry.name}.{uuid.uuid4().hex}.tmp")
        unsealed.mkdir()
        try:
            result = self.function(source, unsealed)
            files = {path.name: file_digest(path) for path in sorted(unsealed.iterdir())}
            seal = {"files": files, "result": result}
            write_json(unsealed / SEAL, seal)
            unsealed.rename(entry)
        except BaseException as error:
            shutil.rmtree(unsealed, ignore_errors=True)
            # A second try of the same shard, begun because this one was believed lost, was faster.
            beaten = isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST)
            found = _true_seal(entry) if beaten else None
            if found is None:
                raise
            return found
        return seal


def _true_seal(entry: Path) -> dict[str, Any] | None:
    """The seal of `entry` if every file is as it was sealed."""
    try:
        seal = read_json(entry / SEAL)
        true = all(file_digest(entry / name) == digest for name, digest in seal["files"].items())
        return {"files": seal["files"], "result": seal["result"]} if true else None
    except (OSError, UserError, AttributeError, KeyError, TypeError):
        return None


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        # Another file system, or one without hard links.
        shutil.copyfile(source, target)


def map_sources(
    work: str,
    function: Callable[[Path, Path], Result],
    sources: Sequence[Path],
    target: Path,
    engine: Engine,
    kept: Path | None,
) -> Iterator[tuple[int, Result]]:
    """Carry out `function` on every shard, as a `ShardTask`, and yield each place and result as they finish.

    The largest shards are begun first, so that no worker is left alone with one at the end.
    """
    task = ShardTask(function, target.absolute(), kept)
    engine.prepare([folder for folder in (task.target, kept) if folder is not None])
    order = sorted(range(len(sources)), key=lambda place: (-sources[place].stat().st_size, place))
    try:
        for begun, result in engine.map(work, task, [sources[place].absolute() for place in order]):
            yield order[begun], result
    except UserError as error:
        # A worker may run in another folder, so it has absolute paths; the user has those of params.yaml.
        raise UserError(str(error).replace(f"{Path.cwd()}{os.sep}", "")) from error
