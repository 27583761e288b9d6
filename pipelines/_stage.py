"""How every stage starts and ends: params, seed, progress, timing, errors a user can act on."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn, TypeVar

# A scheduled run works in its own git worktree: the code beside this file comes before any installed copy.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from pydantic import BaseModel

from textmill.config.load import load_section, read_params
from textmill.config.run import Run
from textmill.errors import UserError
from textmill.files import is_disk_full
from textmill.processes import die_with_driver
from textmill.progress import Progress

Model = TypeVar("Model", bound=BaseModel)

QUIET = {
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}


class Stage:
    """What a stage knows of itself: its name, its matrix item, its params and where it reports."""

    def __init__(self, name: str, item: str | None):
        self.name, self.item = name, item
        self.label = f"{name}@{item}" if item else name

    def params(self, model: type[Model], section: str | None = None) -> Model:
        """The section of params.yaml named after the stage (and item), as `model`."""
        key = section or (f"{self.name}.{self.item}" if self.item else self.name)
        return load_section(model, key)

    @property
    def seed(self) -> int:
        """The one seed of the run, an integer from 0 to 2**31 - 1."""
        seed = read_params().get("seed")
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**31:
            raise UserError(f"params.yaml: seed: expected an integer from 0 to 2147483647, found {seed!r}.")
        return seed

    @property
    def how(self) -> Run:
        """Where and how wide this stage runs; never changes what it writes."""
        return load_section(Run, "run")

    @property
    def workers(self) -> int:
        """Worker processes this stage may use; never changes what it writes."""
        return self.how.workers

    @property
    def is_first(self) -> bool:
        """Whether this process writes; of several that train together, one does."""
        return os.environ.get("RANK", "0") == "0"

    def progress(self, total: int | None = None, unit: str = "documents") -> Progress:
        """A progress display labelled with this stage."""
        return Progress(self.label, total, unit, is_shown=self.is_first)

    def say(self, text: str) -> None:
        """One line for the person watching."""
        if not self.is_first:
            return
        print(f"{self.label}: {text}", file=sys.stderr, flush=True)


def run(main: Callable[[Stage], None], name: str, items: str | None = None) -> None:
    """Run a stage's `main` from the command line and exit: 0 done, 2 the user's mistake.

    Args:
        main: does the work; whatever it writes is a DVC out of the stage.
        name: the stage's name in dvc.yaml.
        items: what the matrix item names (``task``, ``model``), or None for a plain stage.
    """
    for key, value in QUIET.items():
        os.environ.setdefault(key, value)
    parser = argparse.ArgumentParser(prog=f"python -m pipelines.{name}", description=main.__doc__)
    if items:
        parser.add_argument("item", metavar=items, help=f"which {items}, a key of {name} in params.yaml")
    arguments = parser.parse_args()
    die_with_driver()
    stage = Stage(name, getattr(arguments, "item", None))
    started = time.monotonic()
    with _friendly_errors(stage):
        main(stage)
    if "RANK" not in os.environ:
        stage.say(f"done in {time.monotonic() - started:.1f} s")


@contextlib.contextmanager
def _friendly_errors(stage: Stage) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        _fail(stage, str(error))
    except KeyboardInterrupt:
        stage.say("stopped")
        sys.exit(130)
    except Exception as error:
        if is_disk_full(error):
            filename = getattr(error, "filename", None)
            where = f" writing {filename}" if filename else ""
            _fail(
                stage,
                f"the disk is full{where}. Nothing unfinished was kept; free some space and run the same "
                "command again.",
            )
        _tell_driver(f"stopped by {type(error).__name__}: {error}")
        raise


def _fail(stage: Stage, message: str) -> NoReturn:
    stage.say(f"error: {message}")
    _tell_driver(message)
    sys.exit(2)


def _tell_driver(message: str) -> None:
    """Leave the error where the driver of the DAG reads it, for its own report."""
    path = os.environ.get("TEXTMILL_ERROR_FILE")
    if path:
        with contextlib.suppress(OSError):
            Path(path).write_text(message + "\n", encoding="utf-8")
