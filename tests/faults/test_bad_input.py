"""Bad params, bad files and full disks, as the user of a stage meets them.

Every case runs the real stage in a process of its own. It must end with exit status 2 and one paragraph that
names the file, row or key, and leave the out directories as they were.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

TEXTS = ("The mill grinds slowly.", "磨坊慢慢地磨。", "It grinds exceedingly fine.")
ROWS = [{"id": str(number), "text": text} for number, text in enumerate(TEXTS)]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()
LONG = 50_000_000


# params.yaml


def test_no_params_file(fresh) -> None:
    (fresh.root / "params.yaml").unlink()
    assert "params.yaml: not found" in fresh.refuses("clean")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"ingest: [1, 2\nclean: {}\n", "line 2 is not valid YAML"),
        (b"ingest: {}\ningest: {}\n", "line 2 is not valid YAML: found duplicate key"),
        (b"seed: 1\nclean: {license: \xff}\n", "line 2: found byte 0xff, which is not UTF-8"),
        (b"seed: 1\nclean: \0\n", "is not valid YAML"),
        (b"", "expected a mapping of sections, found NoneType"),
    ],
)
def test_a_params_file_that_cannot_be_read(fresh, content: bytes, said: str) -> None:
    (fresh.root / "params.yaml").write_bytes(content)
    message = fresh.refuses("clean")
    assert message.startswith("params.yaml: ") and said in message


@pytest.mark.parametrize(
    ("stage", "key", "value", "said"),
    [
        ("clean", "claen", {}, "params.yaml: claen: unknown section. Did you mean clean?"),
        ("ingest", "ingest.sources.english.pathz", ["a"],
         "ingest.sources.english.pathz: unknown key. Did you mean paths?"),
        ("select", "select.gopher.min_wordz", 50,
         "select.gopher.min_wordz: unknown key. Did you mean min_words?"),
        ("tasks sentiment", "tasks.sentiment.inputs", "text",
         "tasks.sentiment.inputs: unknown key. Did you mean input?"),
        ("select", "select.gopher.min_words", "fifty", "select.gopher.min_words: "),
        ("clean", "clean", 5, "params.yaml: clean: "),
        ("clean", "run.workers", "many", "run.workers: "),
        ("select", "seed", "seven", "params.yaml: seed: expected an integer"),
        ("tasks sentiment", "tasks.sentiment", None, "tasks.sentiment: missing. Known tasks: translation"),
        ("ingest", "ingest.sources.english.kind", "filez", "ingest.sources.english"),
        ("ingest", "ingest.sources", {}, "ingest.sources: "),
    ],
)  # fmt: skip
def test_a_wrong_key_or_value(made_mill, tmp_path, stage: str, key: str, value: Any, said: str) -> None:
    mill = made_mill.copy(tmp_path / "mill")
    mill.params({key: value})
    assert said in mill.refuses(*stage.split())


# Files to ingest


def test_a_source_file_that_is_missing(fresh) -> None:
    fresh.params({"ingest.sources.english.paths": ["corpus/english.jsonl", "corpus/latin.jsonl"]})
    message = fresh.refuses("ingest")
    assert "ingest.sources.english" in message and "corpus/latin.jsonl" in message and "expected" in message


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", LINES + b'{"id": "4", "text": "caf\xe9"}\n',
         "sources/a.jsonl: line 4, byte 168: found byte 0xe9, which is not UTF-8"),
        ("a.txt", "这是磨坊。\n".encode("gb18030"), "sources/a.txt: line 1, byte 1: found byte 0xd5"),
        ("a.csv", b"id,text\n1,caf\xe9\n", "sources/a.csv: line 2, byte 14: found byte 0xe9"),
        ("a.jsonl", LINES + b'{"id": "4", "text": "a\0b"}\n', "a.jsonl: line 4, byte 166: found a NUL"),
        ("a.jsonl", LINES + b'{"id": "4", "text": "a\\u0000b"}\n', "a.jsonl: line 4: the text holds a NUL"),
        ("a.jsonl.gz", gzip.compress(LINES)[:-20], "sources/a.jsonl.gz: damaged after"),
        ("a.jsonl.gz", LINES, "sources/a.jsonl.gz: damaged after 0 bytes"),
        ("a.jsonl", LINES + b'{"id": "4", "text": "open\n', "sources/a.jsonl: line 4: not valid JSON"),
        ("a.jsonl", LINES + b'{"id": "4", "txt": "x"}\n', "sources/a.jsonl: line 4: no field 'text'"),
        ("a.jsonl", LINES + LINES, "sources/a.jsonl: line 4: the key \"0\" is already that of"),
        ("a.jsonl", b"", "no usable record among 0"),
        ("a.jsonl", b'{"id": "1", "text": "  "}\n{"id": "2", "text": null}\n', "no usable record among 2 ("),
        ("a.parquet", b"PAR1 nothing PAR1", "sources/a.parquet: after row 0: Parquet"),
    ],
)  # fmt: skip
def test_a_source_with_bad_content(made_mill, tmp_path, name: str, content: bytes, said: str) -> None:
    mill = made_mill.copy(tmp_path / "mill")
    mill.source(name, content, **({"id": "id"} if b'"id"' in content or name.endswith("csv") else {}))
    message = mill.refuses("ingest")
    assert message.startswith("ingest.sources.mine: ")
    assert said in message and "expected" in message


def test_what_is_recorded_reaches_the_ledger_and_nothing_else_is_lost(made) -> None:
    """A shard cut short, a line that is no JSON, and an archive with a trick, beside files that are whole."""
    english = made.root / "tests" / "data" / "corpus" / "english.jsonl"
    good = english.read_bytes()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../trick.txt", "outside")
        file.writestr("磨坊.txt", "磨坊坐落在溪水边，水轮不停地转。" * 9)
    made.write("sources/whole.jsonl", good)
    made.write("sources/cut.jsonl.gz", gzip.compress(LINES * 300)[:-9])
    made.write("sources/odd.jsonl", LINES + b"{no json\n")
    made.write("sources/pack.zip", archive.getvalue())
    common = {"kind": "files", "license": "CC0-1.0", "on_error": "record", "max_unreadable": 0.5}
    sources = {
        "english": {**common, "paths": ["whole.jsonl"]},
        "others": {**common, "paths": ["cut.jsonl.gz", "odd.jsonl", "pack.zip"]},
    }
    made.params({"ingest.local": "sources", "ingest.sources": sources, "select.by_source": {}})
    for stage in ("ingest", "clean", "annotate", "dedup", "contamination", "select"):
        made.stage(stage)
    data = made.root / "data"
    lost = pq.read_table(data / "raw" / "unreadable.parquet").to_pylist()
    assert [row["place"] for row in lost] == [
        "cut.jsonl.gz", "odd.jsonl: line 4", "pack.zip: member '../trick.txt'"
    ]  # fmt: skip
    clean = pq.read_table(data / "clean", columns=["id", "source"]).to_pydict()
    kept = [
        identity for split in ("train", "validation")
        for identity in pq.read_table(data / "corpus" / split, columns=["id"])["id"].to_pylist()
    ]  # fmt: skip
    ledger = pq.read_table(data / "ledger" / "ledger.parquet").to_pylist()
    dropped = [row["id"] for row in ledger if row["stage"] != "ingest"]
    assert sorted(clean["id"]) == sorted(kept + dropped)
    assert [row["id"] for row in ledger if row["stage"] == "ingest"] == [row["id"] for row in lost]
    assert all(row["rule"] == "unreadable" for row in ledger if row["stage"] == "ingest")
    assert clean["source"].count("english") == len(good.splitlines())
    assert clean["source"].count("others") >= 300 * len(TEXTS) - 10 + 1
    made.params({"ingest.sources.others.max_unreadable": 0.0001})
    message = made.refuses("ingest")
    assert message.startswith("ingest.sources.others: ") and "cannot be read" in message
    assert "The first of them: cut.jsonl.gz: damaged after" in message


def long_line(name: str) -> bytes:
    text = "磨" * (LONG // 3)
    row = LINES + (json.dumps({"id": "4", "text": text}, ensure_ascii=False) + "\n").encode()
    if name.endswith(".csv"):
        file = io.StringIO()
        csv.writer(file).writerows([["id", "text"], ["1", "short"], ["2", text]])
        return file.getvalue().encode()
    return gzip.compress(row, 1) if name.endswith(".gz") else row


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.csv", "a.txt"])
def test_a_line_of_50_megabytes(fresh, name: str) -> None:
    lines = {"lines": True} if name == "a.txt" else {}
    fresh.source(name, long_line(name), **lines)
    message = fresh.refuses("ingest", peak_mb=600)
    assert f"sources/{name}: " in message and "longer than 10,000,000 bytes" in message
    assert ("row 1" if name == "a.csv" else "line 4") in message


@pytest.fixture
def index(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A package index on this machine: its address and the folder it serves."""
    folder = tmp_path / "index"
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple", folder
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_a_package_file_of_another_hash(fresh, index, tmp_path) -> None:
    """Neither the damaged file of the cache is taken, nor the one that the index offers in its place."""
    address, folder = index
    name, other = "novel-1.0-py3-none-any.whl", b"not what was pinned"
    (folder / "simple" / "novel").mkdir(parents=True)
    (folder / "simple" / "novel" / "index.html").write_text(f'<a href="{name}">{name}</a>')
    (folder / "simple" / "novel" / name).write_bytes(other)
    wanted, found = hashlib.sha256(b"pinned").hexdigest(), hashlib.sha256(other).hexdigest()
    cached = tmp_path / "cache" / "artifacts" / wanted / name
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"damaged")
    source = {"kind": "pypi", "package": "novel", "version": "1.0", "artifact": "wheel", "sha256": wanted}
    fresh.params({"ingest.sources": {"novel": {**source, "members": ["*.txt"], "license": "CC0-1.0"}}})
    fresh.variables.update({"PIP_INDEX_URL": address, "TEXTMILL_CACHE": str(tmp_path / "cache")})
    message = fresh.refuses("ingest")
    assert message.startswith(f"ingest.sources.novel: novel 1.0 (wheel, {name}): ")
    assert f"expected sha256 {wanted}, found {found}" in message
    assert not list(cached.parent.iterdir())
    fresh.params({"ingest.sources.novel.sha256": "abc"})
    assert "ingest.sources.novel.sha256: " in fresh.refuses("ingest")


# What other stages have written


def test_a_flipped_bit_in_the_middle_of_a_shard(made) -> None:
    """Found although the file is as long as before and its footer is whole; the old data/clean stays."""
    shard = made.root / "data" / "raw" / "part-00001.parquet"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 4
    shard.write_bytes(content)
    for workers in (1, 2):
        made.params({"run.workers": workers})
        message = made.refuses("clean")
        assert message.startswith("data/raw/part-00001.parquet: expected a readable Parquet file, but ")


def test_a_shard_that_was_cut_short(made) -> None:
    shard = made.root / "data" / "clean" / "part-00000.parquet"
    shard.write_bytes(shard.read_bytes()[:-500])
    for stage in ("annotate", "dedup", "contamination", "select"):
        assert made.refuses(stage).startswith(
            "data/clean/part-00000.parquet: expected a readable Parquet file"
        )


def test_damaged_token_shards(made) -> None:
    shard = made.root / "data" / "tokens" / "train" / "part-00000.bin"
    shard.write_bytes(shard.read_bytes()[:-2])
    assert made.refuses("pretrain", "encoder").startswith("data/tokens/train/part-00000.bin: expected ")


def test_a_damaged_tokenizer(made) -> None:
    file = made.root / "models" / "tokenizer" / "tokenizer.json"
    file.write_bytes(file.read_bytes()[:-500])
    assert made.refuses("tokenize").startswith("models/tokenizer/tokenizer.json: expected a tokenizer, but ")


@pytest.mark.parametrize(
    ("stage", "missing", "said"),
    [
        ("clean", "data/raw", "data/raw: expected shards"),
        ("annotate", "data/clean", "data/clean: expected shards"),
        ("contamination", "data/tasks/sentiment", "data/tasks/sentiment"),
        ("select", "data/signals", "data/signals"),
        ("select", "data/duplicates", "data/duplicates/duplicates.parquet: not found"),
        ("tokenizer", "data/corpus", "data/corpus/train: expected shards"),
        ("tokenize", "models/tokenizer", "models/tokenizer/tokenizer.json: not found"),
        ("validate", "data/corpus", "data/corpus"),
        ("validate_tokens", "data/tokens", "data/tokens/tokens.json: not found"),
        ("bias", "data/ledger", "data/ledger/ledger.parquet: not found"),
        pytest.param("pretrain encoder", "data/tokens", "data/tokens/train", marks=pytest.mark.slow),
        pytest.param("finetune sentiment", "models/pretrained", "models/pretrained/encoder: expected a model",
                     marks=pytest.mark.slow),
        pytest.param("evaluate sentiment", "models/tasks", "models/tasks/sentiment: expected",
                     marks=pytest.mark.slow),
        pytest.param("evaluate_lm encoder", "models/pretrained", "models/pretrained/encoder: expected",
                     marks=pytest.mark.slow),
        pytest.param("probe encoder", "models/pretrained", "models/pretrained/encoder: expected",
                     marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_the_output_of_another_stage_is_missing(made, stage: str, missing: str, said: str) -> None:
    shutil.rmtree(made.root / missing, ignore_errors=True)
    message = made.refuses(*stage.split())
    assert said in message


def test_an_empty_corpus(made) -> None:
    """Shards without a row: nothing divides by zero, nothing is trained on nothing."""
    for shard in (made.root / "data" / "clean").iterdir():
        pq.write_table(pq.read_table(shard).slice(0, 0), shard)
    for shard in (made.root / "data" / "signals").iterdir():
        pq.write_table(pq.read_table(shard).slice(0, 0), shard)
    assert made.refuses("select").startswith("data/clean holds no document")
    for shard in (made.root / "data" / "corpus" / "train").iterdir():
        pq.write_table(pq.read_table(shard).slice(0, 0), shard)
    for stage in ("tokenizer", "tokenize"):
        assert made.refuses(stage).startswith("data/corpus/train: expected ")


def test_a_selection_that_leaves_nothing(made) -> None:
    made.params({"select.by_source": {}, "select.by_language": {}, "select.gopher.min_words": 1_000_000})
    message = made.refuses("select")
    assert "no document is left of" in message and "gopher.min_words dropped most" in message


# Tasks


def test_a_task_whose_test_rows_have_a_label_of_their_own(made) -> None:
    test = b'{"text": "We left early.", "label": "negative"}\n{"text": "It was there.", "label": "neutral"}\n'
    made.write("tests/data/tasks/test.jsonl", test)
    made.params({"tasks.sentiment.test_files": ["tasks/test.jsonl"]})
    message = made.refuses("tasks", "sentiment")
    assert message.startswith("tasks.sentiment: tests/data/tasks/test.jsonl: line 2: the label 'neutral'")
    assert "negative, positive" in message


def test_a_task_of_one_class(made) -> None:
    file = made.root / "tests" / "data" / "tasks" / "opinions.jsonl"
    file.write_bytes(file.read_bytes().replace(b"negative", b"positive"))
    assert "every training row has the label 'positive'" in made.refuses("tasks", "sentiment")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"text": "good", "label": "positive"}\n\xff\n', "bad.jsonl: line 2, byte 39: found byte 0xff"),
        (b'{"text": "good"}\n', "tests/data/tasks/bad.jsonl: line 1: no field 'label'"),
        (b'{"text": "good", "label": null}\n', "tests/data/tasks/bad.jsonl: line 1: column 'label' is empty"),
        (b'{"text": "good", "label": "a\\u0000b"}\n', "bad.jsonl: line 1: the row holds a NUL"),
        (b"", "tests/data/tasks/bad.jsonl: no rows"),
    ],
)  # fmt: skip
def test_a_task_file_with_bad_content(made, content: bytes, said: str) -> None:
    made.write("tests/data/tasks/bad.jsonl", content)
    made.params({"tasks.sentiment.files": ["tasks/bad.jsonl"]})
    assert said in made.refuses("tasks", "sentiment")


def relabel(file: Path, label: str, rows: int | None = None) -> None:
    """Give the first rows of a task file, or all, another label."""
    table = pq.read_table(file)
    targets = table["target"].to_pylist()
    count = len(targets) if rows is None else rows
    column = pa.array([label] * count + targets[count:], pa.large_string())
    pq.write_table(table.set_column(table.schema.get_field_index("target"), "target", column), file)


def test_evaluation_on_a_label_never_seen_in_training(made) -> None:
    relabel(made.root / "data" / "tasks" / "sentiment" / "test.parquet", "neutral", 1)
    message = made.refuses("evaluate", "sentiment")
    assert message.startswith("data/tasks/sentiment/test.parquet: row 0: label 'neutral' is not among")


@pytest.fixture
def base(made) -> Any:
    """The workspace with the directory of an untrained encoder to start from, as far as its tokenizer."""
    directory = made.root / "models" / "pretrained" / "encoder"
    shutil.copytree(made.root / "models" / "tokenizer", directory)
    (directory / "config.json").write_text('{"model_type": "modernbert"}', encoding="utf-8")
    return made


@pytest.mark.slow
def test_fine_tuning_with_a_validation_label_never_seen(base) -> None:
    relabel(base.root / "data" / "tasks" / "sentiment" / "validation.parquet", "neutral", 1)
    message = base.refuses("finetune", "sentiment")
    assert message.startswith("data/tasks/sentiment/validation.parquet: row 0: expected one of the labels")


def test_fine_tuning_on_one_class(base) -> None:
    relabel(base.root / "data" / "tasks" / "sentiment" / "train.parquet", "positive")
    message = base.refuses("finetune", "sentiment")
    assert message.startswith("data/tasks/sentiment/train.parquet: expected at least two labels")


@pytest.mark.slow
def test_damaged_weights(made) -> None:
    made.params({"pretrain.encoder.steps": 1})
    made.stage("pretrain", "encoder")
    weights = made.root / "models" / "pretrained" / "encoder" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-500])
    assert made.refuses("finetune", "sentiment").startswith("models/pretrained/encoder: expected ")
