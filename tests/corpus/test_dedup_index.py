"""The index changes how long a run takes and nothing else."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpus.curation_texts import NOVEL, docstrings, edited, identity, write_documents
from textmill.config.dedup import Dedup
from textmill.corpus.dedup import analysis, find_duplicates
from textmill.corpus.dedup.index import Index, content_name
from textmill.corpus.shards import shard_name

PARAMS = Dedup()


@pytest.fixture(scope="module")
def texts() -> list[str]:
    chosen = random.Random(2)
    base = [*docstrings(150), *NOVEL]
    copies = [edited(text, chosen.choice((0.0, 0.01, 0.03)), chosen) for text in base]
    mixed = [*base, *copies, "", "!!!", "!!!"]
    chosen.shuffle(mixed)
    return mixed


def write_shards(folder: Path, texts: list[str], shards: list[list[int]]) -> None:
    """Shards with the numbered texts; a document's id is that of its number, whatever shard it is in."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for place, numbers in enumerate(shards):
        chosen = [texts[number] for number in numbers]
        write_documents(folder / "one", chosen, len(texts), [identity(number) for number in numbers])
        (folder / "one" / shard_name(0)).rename(folder / shard_name(place))
        (folder / "one").rmdir()


def both(folder: Path, params: Dedup = PARAMS, seed: int = 7) -> tuple[pa.Table, pa.Table]:
    """The duplicates with and without the index."""
    with_index = find_duplicates(folder / "clean", params, seed, folder, index=folder / "index")
    return with_index, find_duplicates(folder / "clean", params, seed, folder)


STEPS = st.lists(
    st.lists(st.lists(st.integers(0, 310), max_size=60, unique=True), min_size=1, max_size=5),
    min_size=2,
    max_size=4,
)


@settings(max_examples=15, deadline=None)
@given(STEPS, st.booleans())
def test_any_history_of_shards_gives_the_clusters_of_a_full_run(tmp_path_factory, texts, steps, grows):
    folder = tmp_path_factory.mktemp("history")
    shards: list[list[int]] = []
    for step in steps:
        shards = [*shards, *step] if grows else step
        seen: set[int] = set()
        distinct = [[n for n in shard if not (n in seen or seen.add(n))] for shard in shards]
        write_shards(folder / "clean", texts, distinct)
        ours, expected = both(folder)
        assert ours.equals(expected)


@pytest.fixture
def workplace(tmp_path: Path, texts: list[str]) -> Path:
    write_shards(tmp_path / "clean", texts, [list(range(start, start + 60)) for start in range(0, 300, 60)])
    found, expected = both(tmp_path)
    assert found.num_rows > 100
    assert found.equals(expected)
    return tmp_path


def test_only_new_shards_are_analysed(workplace: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch):
    analysed = []
    monkeypatch.setattr(
        "textmill.corpus.dedup.index.analyse",
        lambda path, *rest: analysed.append(path.name) or analysis.analyse(path, *rest),
    )
    write_documents(workplace / "more", texts[300:], ids=[identity(n) for n in range(300, len(texts))])
    (workplace / "more" / shard_name(0)).rename(workplace / "clean" / shard_name(5))
    found, expected = both(workplace)
    assert found.equals(expected)
    assert analysed == [shard_name(5)]
    both(workplace, seed=8)
    assert len(analysed) == 7


@pytest.mark.parametrize("where", [0.0, 0.1, 0.5, 0.8, 0.97, "state"])
@pytest.mark.parametrize("how", ["flipped", "cut", "emptied"])
def test_a_damaged_index_is_made_again(workplace: Path, where: float | str, how: str):
    expected = find_duplicates(workplace / "clean", PARAMS, 7, workplace)
    for path in (workplace / "index").rglob("*"):
        if not path.is_file() or (where == "state") != (path.name == "state"):
            continue
        data = bytearray(path.read_bytes())
        place = int(len(data) * (where if isinstance(where, float) else 0.3))
        data[place] ^= 16
        path.write_bytes({"flipped": data, "cut": data[:place], "emptied": b""}[how])
    # A shard more, so that shingles of the entries that were there are read.
    write_documents(
        workplace / "more", ["A text of its own, which nothing else is like."], ids=[identity("x")]
    )
    (workplace / "more" / shard_name(0)).rename(workplace / "clean" / shard_name(9))
    for _ in range(2):
        assert find_duplicates(workplace / "clean", PARAMS, 7, workplace, index=workplace / "index").equals(
            expected
        )


def test_what_belongs_to_no_shard_is_removed(workplace: Path, texts: list[str]):
    (folder,) = (workplace / "index").iterdir()
    (folder / ".half.entry.1.tmp").write_bytes(b"half")
    before = {path.name for path in folder.iterdir()}
    write_shards(workplace / "clean", texts, [list(range(60)), list(range(100, 160))])
    ours, expected = both(workplace)
    assert ours.equals(expected)
    names = {f"{content_name(workplace / 'clean' / shard_name(n))}.entry" for n in range(2)}
    assert {path.name for path in folder.iterdir()} == {*names, "state"}
    assert len(names & before) == 1
    both(workplace, Dedup(shingle=4))
    assert len(list((workplace / "index").iterdir())) == 1


def test_near_false_has_an_index_of_its_own(workplace: Path):
    for near in (False, True, False):
        ours, expected = both(workplace, Dedup(near=near))
        assert ours.equals(expected)


CHILD = """
import sys
from textmill.config.dedup import Dedup
from textmill.corpus.dedup import find_duplicates
print("ready", flush=True)
find_duplicates(sys.argv[1] + "/clean", Dedup(), 7, sys.argv[1], index=sys.argv[1] + "/index")
"""


def test_a_run_that_is_killed_leaves_an_index_that_the_next_one_can_use(tmp_path: Path, texts: list[str]):
    chosen = random.Random(4)
    many = [f"{text} {number}" for number in range(60) for text in texts]
    write_documents(tmp_path / "clean", many, per_shard=1500, ids=[identity(n) for n in range(len(many))])
    expected = find_duplicates(tmp_path / "clean", PARAMS, 7, tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    killed = 0
    for _ in range(5):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(chosen.uniform(0, 0.4))
        child.send_signal(signal.SIGKILL)
        killed += child.wait() == -signal.SIGKILL
        child.stdout.close()
    assert killed
    assert sorted({path.name for path in tmp_path.iterdir()} - {"index"}) == before
    found = find_duplicates(tmp_path / "clean", PARAMS, 7, tmp_path, index=tmp_path / "index")
    assert found.equals(expected)
    index = Index(tmp_path / "index", PARAMS, 7)
    assert index.state([content_name(path) for path in sorted((tmp_path / "clean").iterdir())]) is not None
    assert not list((tmp_path / "index").rglob("*.tmp"))
