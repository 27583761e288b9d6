"""Train a byte-level Unigram tokenizer (Kudo 2018; byte alphabet and word pattern of GPT-2)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textmill.corpus.shards import read_groups
from textmill.errors import UserError
from textmill.tokenization.bpe import byte_alphabet, byte_level
from textmill.tokenization.special import SPECIAL_TOKENS, UNK

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_UNTRAINED = 0.03
"""Bytes that the text lacks get scores up to 0.0256 above the smallest, in an order that varies."""
_NEVER = 1000.0
"""How far below the smallest score that of a special token is: no text is ever encoded to one."""


def train_unigram(shards: Sequence[Path], vocab_size: int) -> Tokenizer:
    """Learn pieces and their log-probabilities on the `text` column of Parquet `shards`.

    The trainer of tokenizers adds floats in an order that varies from run to run. Scores are therefore
    rounded, and entries with equal ones sorted, so that equal text gives equal bytes.

    Args:
        shards: Parquet files with a `text` column.
        vocab_size: entries wanted, the special tokens and 256 bytes included.

    Raises:
        UserError: the text is too small for `vocab_size` entries.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    learner = Tokenizer(models.Unigram())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    trainer = trainers.UnigramTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        unk_token=SPECIAL_TOKENS[UNK],
        show_progress=False,
    )
    try:
        learner.train_from_iterator(_texts(shards), trainer=trainer)
    except Exception as error:  # tokenizers raises bare Exception
        raise UserError(
            f"params.yaml: tokenizer: no Unigram model of {vocab_size} entries can be learnt from this "
            f"corpus: {error}."
        ) from error
    learnt = json.loads(learner.to_str())["model"]["vocab"]
    tokenizer = assemble({piece: score for piece, score in learnt if piece not in SPECIAL_TOKENS})
    if tokenizer.get_vocab_size() < vocab_size:
        raise UserError(
            f"params.yaml: tokenizer.vocab_size: expected at most {tokenizer.get_vocab_size()} for this "
            f"corpus, which holds no more pieces, found {vocab_size}. Lower it or add text."
        )
    return tokenizer


def assemble(scores: dict[str, float]) -> Tokenizer:
    """A tokenizer of the special tokens, the 256 bytes and all other pieces of `scores`, likeliest first.

    Args:
        scores: the natural logarithm of each piece's probability; bytes without one get the smallest.
    """
    from tokenizers import models

    floor = min(scores.values(), default=-1.0)
    alphabet = sorted(byte_alphabet())

    def score(piece: str) -> float:
        found = scores.get(piece, floor)
        return round(floor if piece in bytes_of and found < floor + _UNTRAINED else found, 6)

    bytes_of = frozenset(alphabet)
    pieces = sorted((-score(piece), piece) for piece in scores if piece not in bytes_of)
    vocab = [(token, round(floor - _NEVER, 6)) for token in SPECIAL_TOKENS]
    vocab += [(byte, score(byte)) for byte in alphabet]
    vocab += [(piece, -negative) for negative, piece in pieces]
    return byte_level(models.Unigram(vocab, UNK, False))


def _texts(shards: Sequence[Path]) -> Iterator[list[str]]:
    for path in shards:
        for batch in read_groups(path, ["text"]):
            yield batch["text"].to_pylist()
