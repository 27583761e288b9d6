"""How finely a tokenizer splits each language and source.

Fertility is the number of tokens per word (Rust et al. 2021). Chinese has no spaces, so what compares
languages fairly is tokens per character or bytes per token; tokens per word is given for spaced scripts only.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from textmill.corpus.shards import read_batches
from textmill.tokenization.bpe import byte_alphabet
from textmill.tokenization.encoding import Encoder
from textmill.tokenization.special import UNK

if TYPE_CHECKING:
    from tokenizers import Tokenizer

UNSPACED = frozenset({"zh", "ja", "th", "lo", "km", "my"})
COUNTS = ("documents", "tokens", "bytes", "characters", "words", "spaced_tokens", "partial", "unknown")
Figures = dict[str, float | int]


def fertility(tokenizer: Tokenizer, corpus: str | os.PathLike[str]) -> dict[str, dict[str, Figures]]:
    """Measure `tokenizer` on a corpus directory.

    Returns:
        `languages` and `sources`, for each language code (`und` where the corpus names none) and source:
        `documents`, `tokens`, `bytes` (UTF-8), `characters`, `bytes_per_token`, `characters_per_token`,
        `tokens_per_character`; `partial_share`, the share of tokens that are one byte of a longer character
        (what is called byte fallback); `unknown_share`, that of `<unk>`; and `tokens_per_word` over
        documents in spaced scripts.
    """
    encoder = Encoder(tokenizer)
    partial = _partial_bytes(tokenizer)
    tables = [_counts(batch, encoder, partial) for batch in read_batches(corpus, ["text", "lang", "source"])]
    if not tables:
        return {"languages": {}, "sources": {}}
    rows = pa.concat_tables(tables)
    return {
        kind: {
            row[column]: _figures({name: row[f"{name}_sum"] for name in COUNTS})
            for row in rows.group_by(column)
            .aggregate([(name, "sum") for name in COUNTS])
            .sort_by(column)
            .to_pylist()
        }
        for kind, column in (("languages", "lang"), ("sources", "source"))
    }


def _partial_bytes(tokenizer: Tokenizer) -> npt.NDArray[np.bool_]:
    """Which ids stand for a single byte of 0x80 or more: bool of shape (vocab_size,)."""
    marks = np.zeros(tokenizer.get_vocab_size(), bool)
    for character in byte_alphabet()[0x80:]:
        place = tokenizer.token_to_id(character)
        if place is not None:
            marks[place] = True
    return marks


def _counts(batch: pa.RecordBatch, encoder: Encoder, partial: npt.NDArray[np.bool_]) -> pa.Table:
    ids, offsets = encoder.encode(batch["text"])
    lengths = np.diff(offsets)
    language = pc.if_else(pc.equal(batch["lang"], ""), "und", batch["lang"])
    spaced = ~pc.is_in(language, value_set=pa.array(sorted(UNSPACED))).to_numpy(zero_copy_only=False)
    words = pc.count_substring_regex(batch["text"], r"\S+").to_numpy()
    return pa.table(
        {
            "lang": language,
            "source": batch["source"],
            "documents": np.ones(len(batch), np.int64),
            "tokens": lengths,
            "bytes": pc.binary_length(batch["text"]).cast(pa.int64()),
            "characters": pc.utf8_length(batch["text"]).cast(pa.int64()),
            "words": np.where(spaced, words, 0).astype(np.int64),
            "spaced_tokens": np.where(spaced, lengths, 0),
            "partial": _within(partial[ids], offsets),
            "unknown": _within(ids == UNK, offsets),
        }
    )


def _within(marks: npt.NDArray[np.bool_], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many `marks` each document has."""
    before = np.concatenate([[0], np.cumsum(marks)])
    return before[offsets[1:]] - before[offsets[:-1]]


def _figures(counts: dict[str, int]) -> Figures:
    tokens, characters = max(counts["tokens"], 1), max(counts["characters"], 1)
    figures: Figures = {name: counts[name] for name in ("documents", "tokens", "bytes", "characters")}
    figures["bytes_per_token"] = round(counts["bytes"] / tokens, 4)
    figures["characters_per_token"] = round(counts["characters"] / tokens, 4)
    figures["tokens_per_character"] = round(counts["tokens"] / characters, 4)
    figures["partial_share"] = round(counts["partial"] / tokens, 6)
    figures["unknown_share"] = round(counts["unknown"] / tokens, 6)
    if counts["words"]:
        figures["tokens_per_word"] = round(counts["spaced_tokens"] / counts["words"], 4)
    return figures
