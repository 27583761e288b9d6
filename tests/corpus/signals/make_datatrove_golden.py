"""Measure documents with datatrove and write datatrove_golden.json; run by hand, never by the tests.

    pip install --no-deps --target /tmp/datatrove datatrove==0.10.1 loguru humanize multiprocess dill
    PYTHONPATH=/tmp/datatrove:src python tests/corpus/signals/make_datatrove_golden.py

datatrove answers keep or drop; the value behind an answer is found by bisecting the threshold. Its word
tokenizer is replaced by the definition of a word that textmill documents, so that the formulas are compared
and not the tokenizers. Values whose definitions differ on purpose are left out: datatrove counts blank lines
as lines, joins the words of a Chinese n-gram with spaces, and calls an n-gram that occurs once the most
frequent one.
"""

from __future__ import annotations

import inspect
import json
import math
import textwrap
from collections.abc import Callable
from pathlib import Path

import reference
from datatrove.data import Document
from datatrove.pipeline.filters import fineweb_quality_filter, gopher_quality_filter, gopher_repetition_filter
from datatrove.pipeline.filters.fineweb_quality_filter import FineWebQualityFilter
from datatrove.pipeline.filters.gopher_quality_filter import GopherQualityFilter

STOP_CHARACTERS = tuple(reference.TERMINAL + reference.QUOTES)
QUALITY_OFF = dict.fromkeys(
    [
        "min_doc_words",
        "max_doc_words",
        "min_avg_word_length",
        "max_avg_word_length",
        "max_symbol_word_ratio",
        "max_bullet_lines_ratio",
        "max_ellipsis_lines_ratio",
        "max_non_alpha_words_ratio",
        "min_stop_words",
    ]
)
FINEWEB_OFF = {
    "line_punct_thr": 0.0, "short_line_thr": math.inf, "char_duplicates_ratio": math.inf,
    "new_line_ratio": math.inf, "stop_chars": STOP_CHARACTERS,
}  # fmt: skip

ENGLISH = """The mill stood by the river. It had been there for 300 years... And it was to stay!
- one thing
- two things
- another thing...
"Is it so?" she asked. "It is so," he said. "It is so," he said.
The mill stood by the river and the mill stood by the hill and the mill stood by the river.
#hash and # more"""
CHINESE = """却说曹操引兵追赶，忽然山后鼓声大作，一彪军马拥出。为首大将，乃常山赵子龙也。
操大惊，急令收军。操大惊，急令收军。
“此何人也？”众将皆曰：“常山赵子龙也。”
次日，孔明升帐，唤诸将听令…
操大惊，急令收军。操大惊，急令收军。"""
DIALOGUE = """A: hi
B: hi there
A: how are you today my friend?
B: good, how are you today my friend?
A: hi
A: hi"""
SPAM = "buy now and save more today " * 20
LIST = "\n".join(f"- item {n % 4} costs ${n}.00" for n in range(12))
PARAGRAPHS = "\n\n".join(["A first one here.", "Second one.", "A first one here.", "Last.", "Second one."])


def documents() -> list[str]:
    things = (json.dumps, textwrap.wrap, str.format, math.isclose, dict.fromkeys)
    texts = [ENGLISH, CHINESE, DIALOGUE, SPAM, LIST, PARAGRAPHS, *filter(None, map(inspect.getdoc, things))]
    return ["\n".join(line.strip() for line in text.strip().split("\n")) for text in texts]


def boundary(keeps: Callable[[float], bool], high: float) -> float:
    """The threshold at which the answer of a filter turns, between 0 and `high`."""
    low, at_low = 1e-9, keeps(1e-9)
    if keeps(high) == at_low:
        return 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if keeps(middle) == at_low else (low, middle)
    return high


def kept_by(make: type, off: dict, name: str, text: str) -> Callable[[float], bool]:
    return lambda threshold: make(**{**off, name: threshold}).filter(Document(text=text, id="")) is True


def measure(text: str) -> dict[str, float]:
    values = {}
    quality = {
        "gopher_words": ("min_doc_words", 1e6),
        "gopher_mean_word_length": ("min_avg_word_length", 1e3),
        "gopher_symbol_ratio": ("max_symbol_word_ratio", 10.0),
        "gopher_alpha_words": ("max_non_alpha_words_ratio", 1.1),
    }
    if "\n\n" not in text:
        quality["gopher_bullet_lines"] = ("max_bullet_lines_ratio", 1.1)
        quality["gopher_ellipsis_lines"] = ("max_ellipsis_lines_ratio", 1.1)
    for signal, (name, high) in quality.items():
        values[signal] = boundary(kept_by(GopherQualityFilter, QUALITY_OFF, name, text), high)
    fineweb = {
        "fineweb_punctuated_lines": ("line_punct_thr", 1.1),
        "fineweb_short_lines": ("short_line_thr", 1.1),
        "fineweb_dup_line_characters": ("char_duplicates_ratio", 1.1),
        "fineweb_newlines_per_word": ("new_line_ratio", 1e3),
    }
    for signal, (name, high) in fineweb.items():
        values[signal] = boundary(kept_by(FineWebQualityFilter, FINEWEB_OFF, name, text), high)
    return values | measure_repetition(text)


def measure_repetition(text: str) -> dict[str, float]:
    rules = gopher_repetition_filter
    filters = rules.GopherRepetitionFilter()
    values = {}
    splitters = {"paragraph": filters.paragraph_exp, "line": filters._line_splitter}
    for name, splitter in splitters.items():
        pieces = splitter.split(text)
        count, characters = rules.find_duplicates(pieces)
        values[f"repetition_dup_{name}_fraction"] = count / len(pieces)
        values[f"repetition_dup_{name}_characters"] = characters / len(text)
    words = reference.words_of(text)
    for n in (2, 3, 4):
        grams = rules.get_n_grams(words, n)
        if text.isascii() and len(set(grams)) < len(grams):
            values[f"repetition_top_{n}gram"] = min(rules.find_top_duplicate(grams) / len(text), 1.0)
    for n in range(5, 11):
        values[f"repetition_dup_{n}gram"] = rules.find_all_duplicate(words, n) / len(text)
    return values


def main() -> None:
    """Write the table."""
    for module in (gopher_quality_filter, gopher_repetition_filter, fineweb_quality_filter):
        module.split_into_words = lambda text, language: reference.words_of(text)
    table = []
    for text in documents():
        table.append({"text": text, "values": {name: round(v, 9) for name, v in measure(text).items()}})
    path = Path(__file__).with_name("datatrove_golden.json")
    path.write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
