"""Canaries: sentences with a random number, planted in training text (Carlini et al. 2019)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from textmill.config.tokenize import Canaries
from textmill.corpus.shards import DOCUMENT, write_table

SOURCE = "canaries"
SENTENCES = {"en": "The secret number of {} is", "zh": "{}的秘密号码是"}
STOPS = {"en": ".", "zh": "。"}
_LETTERS = np.array(list("bcdfghklmnprstvz"))
_VOWELS = np.array(list("aeiou"))


def draw_canaries(settings: Canaries, seed: int) -> list[dict[str, Any]]:
    """Canaries by the params: `language`, `copies` (0 for those that are not planted), `prefix`, `secret`.

    Each has a name of its own, so that none is a candidate of another.
    """
    random = np.random.default_rng([seed, 0xCA9A])
    names: set[str] = set()
    found = []
    for language in settings.languages:
        for copies in (0, *settings.copies):
            for _ in range(settings.each):
                name = _name(random)
                while name in names:
                    name = _name(random)
                names.add(name)
                digits = "".join(map(str, random.integers(0, 10, settings.digits)))
                prefix = SENTENCES[language].format(name)
                # English tokens begin with their space.
                secret = f" {digits}" if language == "en" else digits
                found.append({"language": language, "copies": copies, "prefix": prefix, "secret": secret})
    return found


def _name(random: np.random.Generator) -> str:
    syllables = zip(random.choice(_LETTERS, 4), random.choice(_VOWELS, 4), strict=True)
    return "".join(letter + vowel for letter, vowel in syllables).capitalize()


def write_canaries(
    canaries: list[dict[str, Any]], folder: str | os.PathLike[str], seed: int
) -> list[str | os.PathLike[str]]:
    """Write the planted ones as a shard of documents, each copy a document, in an order drawn by `seed`.

    Returns:
        The directories to tokenize with the training split: `folder`, or none without canaries.
    """
    import xxhash

    planted = [
        (canary, copy) for canary in canaries for copy in range(canary["copies"])
    ]  # fmt: skip
    if not planted:
        return []
    order = np.random.default_rng([seed, len(planted)]).permutation(len(planted)).tolist()
    rows = [
        {
            "id": xxhash.xxh3_128_hexdigest(f"{SOURCE}\0{canary['prefix']}\0{copy}".encode()),
            "text": canary["prefix"] + canary["secret"] + STOPS[canary["language"]],
            "source": SOURCE,
            "license": "CC0-1.0",
            "lang": canary["language"],
            "meta": "{}",
        }
        for canary, copy in (planted[place] for place in order)
    ]  # fmt: skip
    write_table(Path(folder) / "part-00000.parquet", pa.Table.from_pylist(rows, DOCUMENT))
    return [folder]
