"""Run tasks of the harness on a model, without a network, and keep its figures."""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from textmill.errors import UserError

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "DO_NOT_TRACK": "true",
    # The harness would start a process per core for a bootstrap of a few thousand numbers.
    "DISABLE_MULTIPROC": "1",
    # Its bars say nothing to who waits; ours are lines meanwhile.
    "TQDM_DISABLE": "1",
    "TEXTMILL_PROGRESS": "lines",
}
RESAMPLES = 1000
_Z = 1.959963984540054


def run_tasks(
    directory: str | os.PathLike[str],
    tasks: Sequence[str],
    include: str | os.PathLike[str] | None = None,
    *,
    seed: int = 1234,
    limit: int | None = None,
    shots: int | None = None,
    chat: bool = False,
    batch_tokens: int = 2048,
    threads: int = 1,
    context: int | None = None,
) -> dict[str, Any]:
    """Figures of a model on tasks; the same inputs give the same figures.

    Args:
        directory: a Hugging Face decoder or encoder-decoder.
        tasks: names of tasks, groups and tags of the harness or of `include`, or paths of YAML files.
        include: a directory of further task files. Data files they name start at the working directory.
        seed: of few-shot examples and of sampled text.
        limit: the first rows of each task only.
        shots: examples in a prompt, where a task does not fix their number.
        chat: write prompts with the model's chat template.
        batch_tokens, threads, context: see `HarnessModel`.

    Returns:
        ``tasks.NAME``: ``version``, ``shots``, ``n`` and ``metrics`` by name of {value, stderr, low, high,
        better}: normal intervals of 95 % from the harness' standard errors, null where it gives none.
        ``groups`` alike.

    Raises:
        UserError: the extra is missing, a task is unknown, or its data is not on this machine.
    """
    # The libraries read these when they are first imported.
    os.environ.update(OFFLINE)
    try:
        import lm_eval
    except ImportError:
        raise UserError(
            "lm-evaluation-harness is not installed; run: pip install 'textmill[harness]'."
        ) from None
    from textmill.evaluation.harness.adapter import HarnessModel

    with _quiet():
        manager = _manager(tasks, include)
        model = HarnessModel(directory, batch_tokens, threads, context)
        try:
            found = lm_eval.simple_evaluate(
                model=model, tasks=list(tasks), task_manager=manager, num_fewshot=shots, limit=limit,
                bootstrap_iters=RESAMPLES, log_samples=False, apply_chat_template=chat, random_seed=seed,
                numpy_random_seed=seed, torch_random_seed=seed, fewshot_random_seed=seed,
            )  # fmt: skip
        except UserError:
            raise
        except (OSError, ValueError, KeyError) as error:
            raise UserError(_unable(tasks, error)) from error
    report = {"model": str(directory), "lm_eval": lm_eval.__version__, "limit": limit, "seed": seed}
    return report | figures(found)


def figures(found: Any) -> dict[str, Any]:
    """``tasks`` and ``groups`` of what `lm_eval.simple_evaluate` returned."""
    groups = found.get("groups") or {}
    return {
        "tasks": {
            name: {
                "version": found["versions"].get(name),
                "shots": found["n-shot"].get(name),
                "n": found["n-samples"][name]["effective"],
                "metrics": _metrics(row, found["higher_is_better"].get(name) or {}),
            }
            for name, row in sorted(found["results"].items())
            if name in found["n-samples"]
        },
        "groups": {
            name: {"metrics": _metrics(row, found["higher_is_better"].get(name) or {})}
            for name, row in sorted(groups.items())
        },
    }


def _metrics(row: dict[str, Any], better: dict[str, bool | None]) -> dict[str, Any]:
    metrics = {}
    for key, value in row.items():
        name, _, filtered = key.partition(",")
        if not filtered or name.endswith("_stderr") or not isinstance(value, int | float):
            continue
        error = row.get(f"{name}_stderr,{filtered}")
        known = isinstance(error, int | float) and error == error
        found, half = float(value), _Z * float(error) if known and error is not None else None
        metrics[name if filtered == "none" else f"{name},{filtered}"] = {
            "value": round(found, 6),
            "stderr": None if half is None else round(half / _Z, 6),
            "low": None if half is None else round(found - half, 6),
            "high": None if half is None else round(found + half, 6),
            "better": {True: "higher", False: "lower"}.get(better.get(name)),  # type: ignore[arg-type]
        }
    return metrics


def _manager(tasks: Sequence[str], include: str | os.PathLike[str] | None) -> Any:
    """The task files: those of `include` alone if they hold all tasks, for reading all others takes long."""
    from lm_eval.tasks import TaskManager

    if include is not None and not Path(include).is_dir():
        raise UserError(f"{include}: expected a directory of task files, found none.")
    for defaults in (False, True):
        manager = TaskManager(
            include_path=None if include is None else str(include), include_defaults=defaults
        )
        missing = [name for name in tasks if name not in manager.task_index and not _is_file(name)]
        if not missing:
            return manager
    near = [name for name in manager.all_tasks if missing[0].split("_")[0] in name][:5]
    raise UserError(
        f"{missing[0]}: no task, group or tag of the harness"
        f"{f' or of {include}' if include is not None else ''} has this name"
        f"{'; similar: ' + ', '.join(near) if near else ''}."
    )


def _is_file(name: str) -> bool:
    return name.endswith((".yaml", ".yml")) and Path(name).is_file()


def _unable(tasks: Sequence[str], error: Exception) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return (
        f"{', '.join(tasks)}: cannot be run: {reason}. Nothing is downloaded here: the data of a task must "
        "be on this machine, in the datasets cache or in files named from the working directory."
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The harness prints and logs its progress; ours is shown instead."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
