"""Finished shards of a killed run: taken when they are true, done again when they are not."""

import os
import random
import shutil
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from textmill.config.clean import Clean
from textmill.corpus import finished, mapping
from textmill.corpus.cleaning.pipeline import cleaner
from textmill.corpus.fingerprint import fingerprint
from textmill.corpus.mapping import map_shards
from textmill.corpus.operators import Operator
from textmill.corpus.shards import shard_name, write_table
from textmill.errors import UserError

READS = pa.schema([("text", pa.large_string())])
SHARDS, WORKERS, SMALLEST = 12, 2, 5


def log_and_pass(log: Path, option: str, batch: pa.RecordBatch) -> pa.RecordBatch:
    first = batch.column("text")[0].as_py()
    if first == "poison":
        raise UserError("found poison, expected text.")
    with log.open("a", encoding="utf-8") as file:
        file.write(first + "\n")
    return batch


def write_shard(folder: Path, number: int, first: str | None = None) -> None:
    rows = 1 if number == SMALLEST else 40 * (number + 1)
    texts = [first or f"{number:02d}", *(f"第 {row} 行, row {row}" for row in range(rows))]
    write_table(folder / shard_name(number), pa.table({"text": pa.array(texts, pa.large_string())}))


class Work:
    """A directory of shards, an operator that logs which it does, and what a failed run has kept."""

    def __init__(self, root: Path):
        self.root, self.source, self.kept = root, root / "in", root / "kept"
        for number in range(SHARDS):
            write_shard(self.source, number)

    def run(self, option: str = "", target: str = "out") -> int:
        operator = Operator("pass", READS, READS, partial(log_and_pass, self.root / "log", option))
        return map_shards(operator, self.source, self.root / target, finished=self.kept)

    def fail(self) -> None:
        """Run until the last shard, the smallest, which holds poison; then take the poison out."""
        write_shard(self.source, SMALLEST, "poison")
        with pytest.raises(UserError, match="poison"):
            self.run()
        assert len(self.done()) == SHARDS - 1 == len(self.entries())
        assert not (self.root / "out").exists()
        write_shard(self.source, SMALLEST)

    def entries(self) -> list[Path]:
        return sorted(entry for work in self.kept.iterdir() for entry in work.iterdir())

    def done(self) -> list[str]:
        """The shards that were done since this was last asked."""
        log = self.root / "log"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return sorted(lines)

    def is_right(self) -> bool:
        map_shards(Operator("pass", READS, READS, same), self.source, self.root / "undisturbed")
        return contents(self.root / "out") == contents(self.root / "undisturbed") and not self.entries()


def same(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def work(tmp_path):
    return Work(tmp_path)


def test_a_rerun_does_only_what_was_not_finished(work):
    work.fail()
    assert work.run() == sum(2 if number == SMALLEST else 40 * (number + 1) + 1 for number in range(SHARDS))
    assert work.done() == [f"{SMALLEST:02d}"] and work.is_right()


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry, shard: (entry / shard).write_bytes((entry / shard).read_bytes()[:-1] + b"x"),
        lambda entry, shard: (entry / shard).unlink(),
        lambda entry, shard: (entry / finished.SEAL).write_text("{"),
        lambda entry, shard: (entry / finished.SEAL).write_text("[]"),
        lambda entry, shard: (entry / finished.SEAL).unlink(),
        lambda entry, shard: shutil.rmtree(entry),
    ],
)
def test_a_damaged_leftover_is_noticed_and_done_again(work, damage):
    work.fail()
    damage(work.entries()[2], shard_name(2))
    work.run()
    assert work.done() == ["02", f"{SMALLEST:02d}"] and work.is_right()


def test_a_shard_that_changed_is_done_again(work):
    work.fail()
    write_shard(work.source, 7, "new")
    work.run()
    assert work.done() == [f"{SMALLEST:02d}", "new"] and work.is_right()


def test_leftovers_of_other_options_or_other_code_are_not_taken_and_go(work, monkeypatch):
    work.fail()
    work.run("other option")
    assert len(work.done()) == SHARDS and work.is_right()
    shutil.rmtree(work.root / "out")
    work.fail()
    monkeypatch.setattr(finished, "code_version", lambda: "other code")
    work.run()
    assert len(work.done()) == SHARDS and work.is_right()


def test_without_a_place_to_keep_them_nothing_is_kept(work):
    map_shards(Operator("pass", READS, READS, same), work.source, work.root / "out")
    assert sorted(path.name for path in work.root.iterdir()) == ["in", "out"]


def test_where_there_are_no_hard_links_shards_are_copied(work, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(finished.os, "link", refuse)
    work.run()
    assert work.is_right()


FINGERPRINT = """
    import pyarrow as pa, re, numpy as np
    from textmill.config.annotate import Annotate
    from textmill.config.clean import Clean
    from textmill.corpus.cleaning.pipeline import cleaner
    from textmill.corpus.fingerprint import fingerprint
    from textmill.corpus.signals import annotator
    values = [cleaner(Clean()), annotator(Annotate()), {"b": {1, "x"}, "a": re.compile("a")}, np.arange(3)]
    print([fingerprint(value) for value in values])
"""


def test_a_fingerprint_is_the_same_in_every_process_and_differs_by_option(root):
    found = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONPATH": str(root / "src"), "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", textwrap.dedent(FINGERPRINT)]
        found.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(found) == 1
    clean = [cleaner(Clean()), cleaner(Clean(html=False)), Clean(), {"html": False}, {"html": 0}, "html"]
    arrays = [np.zeros(3), np.zeros(3, np.int64), np.zeros((3, 1)), np.zeros(0)]
    assert len({fingerprint(value) for value in [*clean, *arrays]}) == 10
    assert fingerprint(lambda: 1) != fingerprint(lambda: 1)


KILLED = """
    import sys, time
    from functools import partial
    from pathlib import Path
    import pyarrow as pa
    from textmill.corpus.mapping import map_shards
    from textmill.corpus.operators import Operator

    READS = pa.schema([("text", pa.large_string())])

    def slow(log, batch):
        with open(log, "a") as file:
            file.write(batch.column("text")[0].as_py() + "\\n")
        time.sleep(0.15)
        return batch

    if __name__ == "__main__":
        root = Path(sys.argv[1])
        operator = Operator("slow", READS, READS, partial(slow, str(root / "log")))
        map_shards(operator, root / "in", root / "out", workers=int(sys.argv[2]), finished=root / "kept")
"""


def killed_runs(work: Work, most: int, seed: int) -> tuple[int, int]:
    """Kill runs at random moments until one ends; return how many shards were begun, and how many kills."""
    script = work.root / "slow.py"
    script.write_text(textwrap.dedent(KILLED), encoding="utf-8")
    command = [sys.executable, str(script), str(work.root), str(WORKERS)]
    environment = {**os.environ, "PYTHONPATH": str(Path(mapping.__file__).parents[2])}
    draw = random.Random(seed)
    for kill in range(most):
        before = len(work.entries()) if work.kept.exists() else 0
        with subprocess.Popen(command, env=environment) as process:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline and process.poll() is None:
                if work.kept.exists() and len(work.entries()) > before:
                    break
                time.sleep(0.01)
            time.sleep(draw.uniform(0, 0.4))
            process.kill()
        if process.returncode == 0:
            return len(work.done()), kill
        if (work.root / "out").exists():
            # The kill came behind the last shard: the next run starts anew, and clears what this one left.
            begun = len(work.done())
            subprocess.run(command, env=environment, check=True)
            work.done()
            return begun, kill + 1
    subprocess.run(command, env=environment, check=True)
    return len(work.done()), most


@pytest.mark.parametrize(
    ("most", "seed"), [(2, 1), *(pytest.param(5, seed, marks=pytest.mark.slow) for seed in range(2, 6))]
)
def test_each_kill_costs_at_most_one_shard_per_worker_and_no_byte(work, most, seed):
    begun, kills = killed_runs(work, most, seed)
    assert SHARDS <= begun <= SHARDS + kills * WORKERS
    assert work.is_right()
