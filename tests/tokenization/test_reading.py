"""The endless reader: an order that is a permutation, and a stream that can be cut anywhere."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textmill.errors import UserError
from textmill.tokenization.packing import TokenShards, open_shards, write_shard
from textmill.tokenization.permutation import Permutation
from textmill.tokenization.reading import TokenReader

LENGTHS = st.lists(st.lists(st.integers(1, 9), max_size=6), min_size=1, max_size=4).filter(lambda s: any(s))


def shards_of(lengths: list[list[int]]) -> TokenShards:
    """Shards of documents of these lengths; every token of document n is n, which a row shows."""
    ids, bounds, number = [], [], 0
    for shard in lengths:
        numbers = np.arange(number, number + len(shard))
        ids.append(np.repeat(numbers, shard).astype(np.uint16))
        bounds.append(np.cumsum([0, *shard]).astype(np.int64))
        number += len(shard)
    return TokenShards(ids, bounds)


@given(count=st.integers(1, 3000), seed=st.integers(0, 2**31 - 1), epoch=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_the_order_has_everything_once(count, seed, epoch) -> None:
    order = Permutation(count, seed, epoch)(np.arange(count))
    assert np.array_equal(np.sort(order), np.arange(count))
    middle = np.arange(count // 3, count)
    assert np.array_equal(Permutation(count, seed, epoch)(middle), order[count // 3 :])


def test_orders_look_random() -> None:
    """Neither the identity nor alike: rank correlations are those of independent permutations."""
    places = np.arange(5000)
    orders = [Permutation(5000, seed, epoch)(places) for seed in range(6) for epoch in range(3)]
    standard_error = 1 / np.sqrt(len(places) - 1)
    seen = [np.corrcoef(places, order)[0, 1] for order in orders]
    seen += [np.corrcoef(one, two)[0, 1] for one, two in pairwise(orders)]
    seen += [np.corrcoef(order[:-1], order[1:])[0, 1] for order in orders]
    assert max(map(abs, seen)) < 5 * standard_error


@given(
    lengths=LENGTHS,
    length=st.integers(1, 12),
    seed=st.integers(0, 99),
    cuts=st.lists(st.integers(1, 9), max_size=5),
)
@settings(max_examples=100, deadline=None)
def test_an_interrupted_stream_equals_the_undisturbed_one(lengths, length, seed, cuts) -> None:
    shards = shards_of(lengths)
    expected = TokenReader(shards, length, seed, "tokens").read(sum(cuts) + 3)
    found, state = [], None
    for rows in [*cuts, 3]:
        reader = TokenReader(shards, length, seed, "tokens")
        if state is not None:
            reader.restore(json.loads(json.dumps(state)))
        found.append(reader.read(rows))
        state = reader.state()
    assert np.array_equal(np.concatenate(found), expected)


@given(lengths=LENGTHS, seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_an_epoch_is_every_token_once_and_documents_stay_whole(lengths, seed) -> None:
    shards = shards_of(lengths)
    reader = TokenReader(shards, shards.tokens, seed, "tokens")
    for epoch in range(3):
        assert reader.epoch == epoch
        row = reader.read(1)[0]
        changes = np.flatnonzero(np.diff(row)) + 1
        runs = [(part[0], len(part)) for part in np.split(row, changes)]
        assert sorted(runs) == [
            (n, size) for n, size in enumerate(size for shard in lengths for size in shard)
        ]


def test_seed_and_epoch_give_other_orders() -> None:
    shards = shards_of([[1] * 500, [1] * 300])
    epochs = TokenReader(shards, 800, 1, "tokens").read(2)
    other = TokenReader(shards, 800, 2, "tokens").read(1)
    assert not np.array_equal(epochs[0], epochs[1]) and not np.array_equal(epochs[0], other[0])


def test_ranks_share_an_epoch_without_overlap() -> None:
    shards = shards_of([[1] * 7, [1] * 10])
    readers = [TokenReader(shards, 1, 3, "tokens", rank, 3) for rank in range(3)]
    seen = [reader.read(reader.documents).ravel() for reader in readers]
    assert sorted(np.concatenate(seen)) == list(range(17))


def test_a_state_of_other_tokens_is_refused(tmp_path) -> None:
    state = TokenReader(shards_of([[3, 4]]), 2, 1, "tokens").state()
    with pytest.raises(UserError, match="tokens: expected a reader's state with documents 3, found 2"):
        TokenReader(shards_of([[3, 4, 1]]), 2, 1, "tokens").restore(state)
    with pytest.raises(UserError, match="with length 5, found 2"):
        TokenReader(shards_of([[3, 4]]), 5, 1, "tokens").restore(state)
    write_shard(tmp_path / "part-00000.bin", np.empty(0, np.uint16), np.zeros(1, np.uint64))
    with pytest.raises(UserError, match="expected at least 1 documents"):
        TokenReader(open_shards(tmp_path), 5, 1, str(tmp_path))
