"""Windows: every one once per epoch, and a step's windows do not depend on the steps before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textmill.errors import UserError
from textmill.tokenization.directory import load_tokenizer
from textmill.tokenization.packing import TokenShards, open_shards
from textmill.training.openings import Openings, newline_tokens
from textmill.training.windows import Windows


def shards_of(lengths: list[int]) -> TokenShards:
    ids = np.split(np.arange(sum(lengths), dtype=np.uint16), np.cumsum(lengths)[:-1])
    return TokenShards(ids, [np.array([0, length]) for length in lengths])


@given(lengths=st.lists(st.integers(0, 90), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_an_epoch_deals_every_window_once(lengths, seed) -> None:
    shards, length = shards_of(lengths), 10
    if max(lengths) < length:
        with pytest.raises(UserError, match="expected at least 10 tokens in a shard"):
            Windows(shards, length, seed, "data/tokens/train")
        return
    windows = Windows(shards, length, seed, "data/tokens/train")
    for epoch in range(2):
        rows = windows.rows(range(epoch * windows.count, (epoch + 1) * windows.count))
        assert np.array_equal(rows, rows[:, :1] + np.arange(length))
        assert len(set(rows[:, 0].tolist())) == windows.count
        ends = np.cumsum(lengths)
        assert np.array_equal(
            np.searchsorted(ends, rows[:, 0], "right"), np.searchsorted(ends, rows[:, -1], "right")
        )
    assert windows.count >= sum(length_ // length for length_ in lengths) - len(lengths)


def test_a_step_is_the_same_whatever_came_before() -> None:
    shards = shards_of([1000, 500])
    direct = Windows(shards, 16, 3, "x").step(40, 8)
    stepped = Windows(shards, 16, 3, "x")
    for step in range(40):
        stepped.step(step, 8)
    assert np.array_equal(stepped.step(40, 8), direct)
    assert not np.array_equal(Windows(shards, 16, 4, "x").step(40, 8), direct)


def test_openings_ask_for_the_first_line_of_a_document(token_folder) -> None:
    tokenizer = load_tokenizer(token_folder / "tokenizer")
    shards = open_shards(token_folder / "tokens" / "train")
    openings = Openings(shards, newline_tokens(tokenizer.get_vocab()), seed=5)
    assert len(openings) > 100
    inputs, attention, labels = openings.step(3, 8, 200)
    for row, mask, wanted in zip(inputs, attention, labels, strict=True):
        target = [token for token in wanted.tolist() if token >= 0]
        given_ids = row[mask == 1].tolist()
        assert (given_ids[0], given_ids[-1], target[0], target[-1]) == (6, 2, 6, 2)
        line = tokenizer.decode(target[1:-1])
        assert line in ("Return the sum of a list.", "求和。")
        rest = tokenizer.decode(given_ids[1:-1])
        assert rest.startswith("\nThe items" if line.startswith("Return") else "\n把列表")
    again = Openings(shards, newline_tokens(tokenizer.get_vocab()), seed=5).step(3, 8, 200)
    assert np.array_equal(again[0], inputs)
