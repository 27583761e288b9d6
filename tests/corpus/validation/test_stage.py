"""The validate stage: the gate opens, drift closes it, and accepting opens it again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines._stage import Stage
from pipelines.validate import main
from textmill.corpus.shards import DOCUMENT, write_table
from textmill.corpus.validation.accept import accept
from textmill.errors import UserError
from textmill.files import read_json, write_json

EN, ZH = "It rained on the roof all night, and by the morning the road was gone.", "夜里下雨，天亮才停。"
PARAMS = """
validate:
  accepted: accepted
  expectations:
    - name: every document has an id
      frame: documents
      expectation: expect_column_values_to_not_be_null
      arguments: {column: id}
    - name: the languages stay
      frame: drift
      where: {kind: mix, name: languages}
      expectation: expect_column_max_to_be_between
      arguments: {column: excess, max_value: 0.1}
    - name: signals stay
      frame: drift
      where: {kind: signal}
      expectation: expect_column_max_to_be_between
      arguments: {column: excess, max_value: 0.25}
"""


def write_corpus(seed: int, chinese: float) -> None:
    random = np.random.default_rng(seed)
    for split, count in (("train", 900), ("validation", 100)):
        spoken = ["zh" if each else "en" for each in random.random(count) < chinese]
        columns = [
            [f"{seed}{split}{number}" for number in range(count)],
            [ZH if lang == "zh" else EN for lang in spoken],
            ["letters"] * count,
            ["MIT"] * count,
            spoken,
            [""] * count,
        ]
        rows = pa.table(columns, schema=DOCUMENT)
        write_table(f"data/corpus/{split}/part-00000.parquet", rows)
        words = random.poisson(20, count)
        number = 0 if split == "train" else 1
        write_table(f"data/signals/part-{number:05d}.parquet", pa.table({"id": rows["id"], "words": words}))


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS, encoding="utf-8")
    write_corpus(1, chinese=0.1)
    return tmp_path


def gate() -> Path:
    return Path("data/gates/documents.json")


def test_a_corpus_is_accepted_and_the_next_compared_with_it(workspace, capsys) -> None:
    stage = Stage("validate", None)
    main(stage)
    assert "1 expectations hold; 2 of drift not checked: no corpus is accepted yet" in capsys.readouterr().err
    assert read_json(gate()) == {"passed": True} and read_json("reports/validation.json")["drift"] is None
    accept(".", "accepted")
    main(stage)
    assert "3 expectations hold" in capsys.readouterr().err

    write_corpus(2, chinese=0.1)
    main(stage)
    drift = read_json("reports/validation.json")["drift"]
    assert {row["kind"] for row in drift} == {"mix", "language", "source", "length", "signal"}
    accepted = Path("accepted/profile.json").read_text(encoding="utf-8")

    write_corpus(3, chinese=0.5)
    gate().unlink()
    with pytest.raises(UserError, match=r"the languages stay .*What moved most: .*textmill accept --drifted"):
        main(stage)
    assert not gate().exists() and not read_json(".textmill/validation.json")["passed"]
    # DVC removes what a failed stage wrote.
    for name in ("reports/validation.json", "reports/profile.json"):
        Path(name).unlink()
    with pytest.raises(UserError, match="drifted from the accepted one: the languages stay"):
        accept(".", "accepted")
    accept(".", "accepted", drifted=True)
    assert Path("accepted/profile.json").read_text(encoding="utf-8") != accepted
    main(stage)
    assert gate().exists() and not Path(".textmill/validation.json").exists()


def test_equal_data_gives_equal_outs(workspace) -> None:
    written = []
    for _ in range(2):
        main(Stage("validate", None))
        written.append(
            [Path(name).read_bytes() for name in ("reports/validation.json", "reports/profile.json")]
        )
    assert written[0] == written[1] and json.loads(written[0][1])["documents"] == 1000


def test_a_damaged_accepted_profile_stops_the_stage(workspace) -> None:
    write_json("accepted/profile.json", {"format": 0})
    with pytest.raises(UserError, match=r"accepted/profile\.json: expected the profile of a corpus"):
        main(Stage("validate", None))
