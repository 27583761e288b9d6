"""Bring the tracking store up to date with dvc.lock. Fail-open: whatever goes wrong here stops nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textmill.files import read_json, write_json
from textmill.tracking import outbox, probe, runs
from textmill.tracking.lockfile import Lock, StageEntry, read_lock
from textmill.tracking.store import connected, experiment_id, tracking_uri

SENT = Path(".textmill/tracking.json")
SECONDS = 10


@dataclass
class Sent:
    """What `send_pending` did.

    `runs` are the stages whose run was written now, `found` those whose run was there already,
    `evaluations` the evaluation stages whose metrics were added, `kept` the stages still to be sent,
    `problem` why (empty if all was sent).
    """

    runs: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    evaluations: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    problem: str = ""


def send_pending(root: Path | str = ".", experiment: str = "textmill") -> Sent:
    """Make sure that every training stage of dvc.lock has its run, with its evaluation.

    A run is found by its stage key and never written twice. MLflow is imported only if something is
    to be sent. A dead or slow server, or any other failure of tracking, is reported in the result,
    not raised; what was not sent is kept in `.textmill/outbox`.

    Args:
        root: the repository.
        experiment: experiments are named `<experiment>/pretrain` and `<experiment>/finetune`.

    Raises:
        UserError: dvc.lock is damaged.
    """
    root = Path(root)
    lock = read_lock(root)
    outbox.collect(root, lock)
    uri = tracking_uri(root)
    known = _known(root, uri)
    pairs = [(judge, trained) for judge, trained in outbox.evaluations(lock) if judge.key not in known]
    entries = {entry.key: entry for entry in outbox.training_stages(lock) if entry.key not in known}
    waiting = outbox.waiting(root)
    sent = Sent(
        kept=sorted({entry.name for entry in entries.values()} | {_stage_of(p) for p in waiting.values()})
    )
    if not entries and not waiting and not pairs:
        return sent
    try:
        with connected(root, timeout=SECONDS) as client:
            sender = _Sender(root, client, experiment, lock, known, sent)
            for key in {**waiting, **entries}:
                sender.training(key, entries.get(key), waiting.get(key))
            for judge, trained in pairs:
                sender.evaluation(judge, trained)
    except Exception as error:  # fail-open is the contract: training must never depend on a tracking server
        sent.problem = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    finally:
        _remember(root, uri, known)
    return sent


def run_of(root: Path, key: str) -> str | None:
    """The run id of a stage key that `send_pending` has sent to the current tracking URI, or None."""
    return _known(root, tracking_uri(root)).get(key)


@dataclass
class _Sender:
    root: Path
    client: Any
    experiment: str
    lock: Lock
    known: dict[str, str]
    sent: Sent

    def training(self, key: str, entry: StageEntry | None, file: Path | None) -> None:
        """Find or write the run of a stage key, then forget its outbox file."""
        record = read_json(file) if file else outbox.from_reports(self.root, entry, self.lock)  # type: ignore[arg-type]
        stage = record["entry"]["stage"]
        experiment = experiment_id(self.client, self.root, f"{self.experiment}/{stage.split('@')[0]}")
        run_id = runs.find_run(self.client, [experiment], key)
        (self.sent.found if run_id else self.sent.runs).append(stage)
        self.known[key] = run_id or runs.write_run(self.client, experiment, record)
        if file:
            file.unlink()
        self.sent.kept = [name for name in self.sent.kept if name != stage]

    def evaluation(self, judge: StageEntry, trained: StageEntry) -> None:
        """Add an evaluation to the run of the training stage it judged."""
        report = next((path for path in judge.outs if path.startswith("reports/")), None)
        if report is None or not (self.root / report).is_file():
            return
        runs.write_evaluation(self.client, self.known[trained.key], judge.key, read_json(self.root / report))
        self.known[judge.key] = self.known[trained.key]
        self.sent.evaluations.append(judge.name)


def _stage_of(file: Path) -> str:
    return read_json(file)["entry"]["stage"]


def _known(root: Path, uri: str) -> dict[str, str]:
    """Run ids by stage key for this tracking store, unless the store has lost them."""
    path = root / SENT
    known: dict[str, str] = read_json(path).get(uri, {}) if path.is_file() else {}
    if known and probe.run_exists(uri, next(iter(known.values()))) is False:
        return {}
    return known


def _remember(root: Path, uri: str, known: dict[str, str]) -> None:
    path = root / SENT
    stored = read_json(path) if path.is_file() else {}
    if stored.get(uri, {}) != known:
        write_json(path, {**stored, uri: known})
