"""Train a byte-level BPE tokenizer (Sennrich et al. 2016; byte alphabet and word pattern of GPT-2)."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textmill.corpus.shards import read_table
from textmill.errors import UserError
from textmill.tokenization.special import SPECIAL_TOKENS

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Merge = tuple[str, str]


def byte_alphabet() -> list[str]:
    """The printable character that stands for each byte 0–255 (GPT-2's `bytes_to_unicode`)."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spare = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(spare)) for byte in range(256)]


def train_bpe(shards: Sequence[Path], vocab_size: int, trainer: str) -> Tokenizer:
    """Learn merges on the `text` column of Parquet `shards`; a shard named twice counts twice.

    Args:
        shards: Parquet files with a `text` column.
        vocab_size: entries wanted, the special tokens and 256 bytes included.
        trainer: ``gigatoken`` or ``tokenizers``; both learn the same merges.

    Raises:
        UserError: the text is too small for `vocab_size` merges.
    """
    merges = (
        _merges_gigatoken(shards, vocab_size)
        if trainer == "gigatoken"
        else _merges_tokenizers(shards, vocab_size)
    )
    tokenizer = assemble(merges)
    if tokenizer.get_vocab_size() < vocab_size:
        raise UserError(
            f"params.yaml: tokenizer.vocab_size: expected at most {tokenizer.get_vocab_size()} for this "
            f"corpus, which holds no more pairs to merge, found {vocab_size}. Lower it or add text."
        )
    return tokenizer


def assemble(merges: Sequence[Merge]) -> Tokenizer:
    """A tokenizer of the special tokens, the 256 bytes and `merges`, ids in that order."""
    from tokenizers import models

    vocab = {token: index for index, token in enumerate((*SPECIAL_TOKENS, *sorted(byte_alphabet())))}
    for left, right in merges:
        vocab.setdefault(left + right, len(vocab))
    return byte_level(models.BPE(vocab=vocab, merges=list(merges)))


def byte_level(model: Any) -> Tokenizer:
    """A tokenizer around a `model` of GPT-2's 256 characters for bytes: any text survives it."""
    from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers

    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS]
    )
    return tokenizer


def _merges_gigatoken(shards: Sequence[Path], vocab_size: int) -> list[Merge]:
    import gigatoken

    with _silent_stdout():
        _, merges = gigatoken.train_bpe(
            gigatoken.ParquetFileSource(list(shards), column="text"), vocab_size, list(SPECIAL_TOKENS)
        )
    alphabet = byte_alphabet()

    def printable(token: bytes) -> str:
        return "".join(alphabet[byte] for byte in token)

    return [(printable(left), printable(right)) for left, right in merges]


def _merges_tokenizers(shards: Sequence[Path], vocab_size: int) -> list[Merge]:
    import json

    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = (read_table(path, ["text"]).column(0).to_pylist() for path in shards)
    tokenizer.train_from_iterator(texts, trainer=trainer)
    return [(left, right) for left, right in json.loads(tokenizer.to_str())["model"]["merges"]]


@contextlib.contextmanager
def _silent_stdout() -> Iterator[None]:
    """Keep what native code prints off the terminal: gigatoken reports each file it opens."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 1)
        os.dup2(null, 2)
        yield
    finally:
        for target, copy in zip((1, 2), saved, strict=True):
            os.dup2(copy, target)
            os.close(copy)
        os.close(null)
