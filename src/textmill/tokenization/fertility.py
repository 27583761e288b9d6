"""How finely a tokenizer splits each language.

Fertility is the number of tokens per word (Rust et al. 2021). Chinese has no spaces, so what compares
languages fairly is bytes or characters per token; tokens per word is given for spaced scripts only.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from textmill.corpus.shards import read_batches
from textmill.tokenization.encoding import Encoder

if TYPE_CHECKING:
    from tokenizers import Tokenizer

UNSPACED = frozenset({"zh", "ja", "th", "lo", "km", "my"})


def fertility(tokenizer: Tokenizer, corpus: str | os.PathLike[str]) -> dict[str, dict[str, float | int]]:
    """Measure `tokenizer` on every language of a corpus directory.

    Returns:
        For each language code (`und` where the corpus names none): `documents`, `tokens`, `bytes` (UTF-8),
        `characters`, `bytes_per_token`, `characters_per_token`, and `tokens_per_word` for spaced scripts.
    """
    encoder = Encoder(tokenizer)
    totals: dict[str, dict[str, int]] = {}
    for batch in read_batches(corpus, ["text", "lang"]):
        table = pa.Table.from_batches([batch])
        for language in sorted(pc.unique(table["lang"]).to_pylist()):
            texts = table.filter(pc.equal(table["lang"], language))["text"]
            counts = totals.setdefault(language or "und", dict.fromkeys(COUNTS, 0))
            counts["documents"] += len(texts)
            counts["bytes"] += pc.sum(pc.binary_length(texts)).as_py() or 0
            counts["characters"] += pc.sum(pc.utf8_length(texts)).as_py() or 0
            counts["words"] += pc.sum(pc.count_substring_regex(texts, r"\S+")).as_py() or 0
            counts["tokens"] += len(encoder.encode(texts)[0])
    return {language: _figures(language, counts) for language, counts in sorted(totals.items())}


COUNTS = ("documents", "tokens", "bytes", "characters", "words")


def _figures(language: str, counts: dict[str, int]) -> dict[str, float | int]:
    tokens = max(counts["tokens"], 1)
    figures: dict[str, float | int] = {name: counts[name] for name in COUNTS if name != "words"}
    figures["bytes_per_token"] = round(counts["bytes"] / tokens, 4)
    figures["characters_per_token"] = round(counts["characters"] / tokens, 4)
    if language not in UNSPACED:
        figures["tokens_per_word"] = round(counts["tokens"] / max(counts["words"], 1), 4)
    return figures
