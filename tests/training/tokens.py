"""Token shards for training tests: text that is easy to learn, with lines to break."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from textmill.tokenization.bpe import assemble
from textmill.tokenization.directory import save_tokenizer
from textmill.tokenization.encoding import Encoder
from textmill.tokenization.packing import with_ends, write_shard

ENGLISH = "Return the sum of a list.\n\nThe items are added one by one, and {number} is the {word}."
CHINESE = "求和。\n\n把列表中的数逐个相加，得到{number}。"


def write_tokens(folder: Path) -> Path:
    """Write `tokens/{train,validation}` and `tokenizer` below `folder`; documents in English and Chinese."""
    tokenizer = assemble([])
    save_tokenizer(tokenizer, folder / "tokenizer")
    encoder = Encoder(tokenizer)
    random = np.random.default_rng(7)
    for split, documents in (("train", 90), ("validation", 30)):
        (folder / "tokens" / split).mkdir(parents=True)
        for shard in range(2):
            words = random.choice(["result", "total", "end"], documents)
            numbers = random.integers(0, 1000, documents)
            texts = [
                (CHINESE if number % 3 == 0 else ENGLISH).format(number=number, word=word)
                for number, word in zip(numbers, words, strict=True)
            ]
            packed, bounds = with_ends(*encoder.encode(texts))
            write_shard(folder / "tokens" / split / f"part-{shard:05d}.bin", packed, bounds)
    return folder
