"""The frames of token shards: what the files hold, and every kind of damage in the figure that is for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from textmill.config.load import load_section
from textmill.config.validate import ValidateTokens
from textmill.corpus.shards import DOCUMENT, write_table
from textmill.corpus.validation.expectations import check_expectations, failure_message
from textmill.errors import UserError
from textmill.files import read_json, write_json
from textmill.tokenization.bpe import assemble
from textmill.tokenization.encoding import Encoder
from textmill.tokenization.fertility import fertility
from textmill.tokenization.mixing import Mixing
from textmill.tokenization.packing import open_shards, write_shard
from textmill.tokenization.stats import TokenFrames
from textmill.tokenization.tokenize import add_counts, tokenize_split

ROOT = Path(__file__).resolve().parents[2]
EN, ZH = "It rained on the roof all night, and by the morning the road was gone.", "夜里下雨，天亮才停。"
MERGES = [("Ġ", "t"), ("Ġt", "h"), ("Ġth", "e"), ("i", "n"), ("a", "n"), ("o", "n"), ("Ġ", "r"), ("e", "d")]


@pytest.fixture
def data(tmp_path) -> Path:
    """Tokens of 40 English and 10 Chinese documents to train on, each English one twice, and 45 held out."""
    tokenizer, counts = assemble(MERGES), {}
    for split, english, chinese in (("train", 40, 10), ("validation", 40, 5)):
        texts = [EN] * english + [ZH] * chinese
        columns = [
            [f"{split}{number}" for number in range(len(texts))],
            texts,
            ["novel" if text == ZH else "letters" for text in texts],
            ["MIT"] * len(texts),
            ["zh" if text == ZH else "en" for text in texts],
            [""] * len(texts),
        ]
        write_table(tmp_path / f"corpus/{split}/part-00000.parquet", pa.table(columns, schema=DOCUMENT))
        mixing = Mixing(1, languages={"en": 2.0}) if split == "train" else None
        target = tmp_path / "tokens" / split
        written = tokenize_split(tmp_path / "corpus" / split, target, Encoder(tokenizer), 4, mixing)
        counts[split] = add_counts(written, split)
    write_json(tmp_path / "tokens/tokens.json", counts)
    measured = fertility(tokenizer, tmp_path / "corpus/validation")
    write_json(tmp_path / "tokenizer.json", {"vocab_size": tokenizer.get_vocab_size(), **measured})
    return tmp_path


def frames(data: Path) -> TokenFrames:
    return TokenFrames(data / "tokens", data / "tokenizer.json")


def check(data: Path) -> dict:
    """The expectations of the default run."""
    expectations = load_section(ValidateTokens, "validate_tokens", ROOT / "params.yaml").expectations
    return check_expectations(expectations, frames(data), section="validate_tokens")


def test_frames_hold_the_facts(data) -> None:
    tokens = frames(data).frame("tokens").set_index(["split", "kind", "name"])
    whole = tokens.loc[("train", "all", "")]
    assert (whole["documents"], whole["distinct"], whole["shards"], whole["miscounted"]) == (90, 50, 2, 0)
    english, chinese = tokens.loc[("train", "language", "en")], tokens.loc[("train", "language", "zh")]
    assert english["documents"] == 80 and english["token_share"] + chinese["token_share"] == pytest.approx(1)
    assert chinese["bytes_per_token"] == pytest.approx(len(ZH.encode()) / (len(ZH.encode()) + 1))
    assert chinese["tokens_per_character"] == 3 and chinese["partial_share"] == 1
    words = len(EN.split())
    ids = len(assemble(MERGES).encode(EN).ids)
    assert english["tokens_per_word"] == pytest.approx(ids / words, abs=1e-4)
    assert english["longest"] == ids + 1
    shards = frames(data).frame("token_shards")
    assert list(shards["shard"]) == ["part-00000", "part-00000.r1", "part-00000"]
    assert shards["documents"].tolist() == [50, 40, 45]
    for column in ("empty", "unended", "control_tokens", "beyond_vocabulary"):
        assert (shards[column] == 0).all()


def damage(data: Path, change) -> None:
    shards = open_shards(data / "tokens/train")
    ids, bounds = np.array(shards.ids[0]), np.array(shards.bounds[0])
    ids, bounds = change(ids, bounds)
    write_shard(data / "tokens/train/part-00000.bin", ids, bounds.astype(np.uint64))


def lose_an_end(ids, bounds):
    ids[bounds[1] - 1] = 100
    return ids, bounds


def inject_a_control_token(ids, bounds):
    ids[bounds[2] + 1] = 4
    return ids, bounds


def go_beyond_the_vocabulary(ids, bounds):
    ids[3] = 60_000
    return ids, bounds


def lose_a_document(ids, bounds):
    return ids[: bounds[-2]], bounds[:-1]


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (lose_an_end, "every document ends"),
        (inject_a_control_token, "no document holds a control token"),
        (go_beyond_the_vocabulary, "every id is in the vocabulary"),
        (lose_a_document, "the files hold what was counted"),
    ],
)
def test_what_is_broken_fails_and_is_named(data, harm, named) -> None:
    assert check(data)["passed"]
    damage(data, harm)
    report = check(data)
    assert [entry["name"] for entry in report["expectations"] if not entry["passed"]] == [named]
    assert named in failure_message(report)


def test_unknown_tokens_and_spelt_out_words_fail(data) -> None:
    counts, measured = read_json(data / "tokens/tokens.json"), read_json(data / "tokenizer.json")
    counts["train"]["languages"]["zh"]["unknown"] = 3
    measured["languages"]["en"]["tokens_per_word"] = 5.5
    write_json(data / "tokens/tokens.json", counts)
    write_json(data / "tokenizer.json", measured)
    failed = [entry["name"] for entry in check(data)["expectations"] if not entry["passed"]]
    assert failed == ["nothing is unknown", "English words are not spelt out"]


def test_missing_inputs_are_named(data) -> None:
    with pytest.raises(UserError, match=r"tokenizer\.json: not found; .* tokenizer stage"):
        TokenFrames(data / "tokens", data / "none/tokenizer.json")
    (data / "tokens/tokens.json").unlink()
    with pytest.raises(UserError, match=r"tokens\.json: not found; .* tokenize stage"):
        frames(data).table("tokens")
