"""datatrove's filters, and ours with the thresholds of conf/datatrove.yaml, over the same documents.

datatrove's filters take a tokenizer; given `Words`, they see the words and sentences that textmill documents,
so that the rules are compared and not the tokenizers.
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import regex
from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.utils.text import PUNCTUATION_SET as PUNCTUATION
from datatrove.utils.text import TERMINAL_PUNCTUATION
from datatrove.utils.word_tokenizers import WordTokenizer

from textmill.config.annotate import Annotate
from textmill.config.overlay import use_overlay
from textmill.config.params import load_params
from textmill.config.select import Select
from textmill.corpus.selection.rules import Trials, rules_of
from textmill.corpus.signals import annotator
from textmill.corpus.signals.annotator import READS

ROOT = Path(__file__).parents[3]
FAMILIES = ("gopher", "repetition", "c4", "fineweb")
IDEOGRAPH = r"[\p{Han}\p{Hiragana}\p{Katakana}ー]"
WORD = regex.compile(
    rf"{IDEOGRAPH}|(?:(?!{IDEOGRAPH})(?:[’‐‑·]|[^\s\x1c-\x1f\p{{P}}]|[\p{{P}}&&[\x00-\x7f]]))+", regex.V1
)
SENTENCE_END = regex.compile(r"[.!?…。！？｡．‼⁇⁈⁉؟۔।॥።]+(?:(?<=[。！？｡．])|(?=\s|[\"'”’»」』)\]]))")
CLOSERS = "”’」』"
REASONS = {
    "gopher_short_doc": "gopher.min_words",
    "gopher_long_doc": "gopher.max_words",
    "gopher_below_avg_threshold": "gopher.min_mean_word_length",
    "gopher_above_avg_threshold": "gopher.max_mean_word_length",
    "gopher_too_many_hashes": "gopher.max_symbol_ratio",
    "gopher_too_many_ellipsis": "gopher.max_symbol_ratio",
    "gopher_too_many_bullets": "gopher.max_bullet_lines",
    "gopher_too_many_end_ellipsis": "gopher.max_ellipsis_lines",
    "gopher_below_alpha_threshold": "gopher.min_alpha_words",
    "gopher_enough_stop_words": "gopher.min_stop_words",
    "dup_para_frac": "repetition.max_dup_paragraph_fraction",
    "dup_para_char_frac": "repetition.max_dup_paragraph_characters",
    "dup_line_frac": "repetition.max_dup_line_fraction",
    "dup_line_char_frac": "repetition.max_dup_line_characters",
    **{f"top_{n}_gram": f"repetition.max_top_{n}gram" for n in (2, 3, 4)},
    **{f"duplicated_{n}_n_grams": f"repetition.max_dup_{n}gram" for n in range(5, 11)},
    "lorem_ipsum": "c4.max_kept_lorem_ipsum",
    "curly_bracket": "c4.max_kept_curly_brackets",
    "too_few_sentences": "c4.min_kept_sentences",
    "line_punct_ratio": "fineweb.min_punctuated_lines",
    "short_line_ratio": "fineweb.max_short_lines",
    "char_dup_ratio": "fineweb.max_dup_line_characters",
    "list_ratio": "fineweb.max_newlines_per_word",
}


class Words(WordTokenizer):
    """textmill's words and sentences."""

    def word_tokenize(self, text):
        return WORD.findall(text)

    def sent_tokenize(self, text):
        return [text[start:end] for start, end in self.span_tokenize(text)]

    def span_tokenize(self, text):
        proper = [m.start() for m in WORD.finditer(text) if not set(m.group()) <= PUNCTUATION]
        last = proper[-1] if proper else 0
        ends = [m.end() for m in SENTENCE_END.finditer(text) if m.end() <= last]
        return list(zip([0, *ends], [*ends, len(text)], strict=True))


class Whitespace(Words):
    """Words as `str.split` finds them."""

    def word_tokenize(self, text):
        return text.split()


class Filters:
    """datatrove's four filters for one language."""

    def __init__(self, language: str, stop_words: list[str], tokenizer: WordTokenizer):
        stops = tuple(TERMINAL_PUNCTUATION)
        shortest: int | None = 3
        short = 30
        if language == "zh":
            shortest, short = None, 10
            stops += tuple(mark + closer for mark in TERMINAL_PUNCTUATION for closer in CLOSERS)
        self.filters = {
            "gopher": GopherQualityFilter(
                language=tokenizer, stop_words=stop_words, min_avg_word_length=shortest
            ),
            "repetition": GopherRepetitionFilter(language=tokenizer),
            "c4": C4QualityFilter(language=tokenizer),
            "fineweb": FineWebQualityFilter(language=tokenizer, stop_chars=stops, short_line_length=short),
        }

    def __call__(self, text: str) -> tuple[dict[str, str], str]:
        """Per filter the name of our rule for its reason, or "" for a document that it keeps, and C4's text.

        Where datatrove divides by zero (a document without words), and for an empty document, it is None.
        """
        answers, left = {}, ""
        for name, each in self.filters.items():
            document = Document(text=text, id="")
            try:
                answer = each.filter(document)
            except ZeroDivisionError:
                answer = (False, "empty")
            answers[name] = "" if answer is True else REASONS.get(answer[1])
            if name == "c4" and answer is True:
                left = document.text
        return answers, left


@dataclass
class Agreement:
    """How often two filters agree, and where they do not.

    Attributes:
        documents: how many were compared.
        kept: how many datatrove keeps.
        decisions, reasons: how many had another decision, or another reason.
        examples: (what datatrove says, what we say, text).
    """

    documents: int = 0
    kept: int = 0
    decisions: int = 0
    reasons: int = 0
    kinds: Counter = field(default_factory=Counter)
    examples: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, theirs: str | None, ours: str, text: str) -> None:
        if theirs is None:
            return
        self.documents += 1
        self.kept += theirs == ""
        self.decisions += (theirs == "") != (ours == "")
        self.reasons += theirs != ours
        if theirs != ours:
            self.kinds[theirs or "keep", ours or "keep"] += 1
            self.examples.append((theirs, ours, text))

    @property
    def share(self) -> float:
        return 1 - self.decisions / self.documents

    @property
    def reason_share(self) -> float:
        return 1 - self.reasons / self.documents


def settings(folder: Path) -> tuple[Annotate, Select]:
    """The params after `textmill params use datatrove`."""
    shutil.copy(ROOT / "params.yaml", folder / "params.yaml")
    use_overlay("datatrove", folder / "params.yaml", ROOT / "conf")
    params = load_params(folder / "params.yaml")
    return params.annotate, params.select


def measured(texts: list[str], languages: list[str], annotate: Annotate) -> pa.Table:
    """The signals of some documents."""
    batch = pa.RecordBatch.from_arrays(
        [pa.array(texts, pa.large_string()), pa.array(languages, pa.string())], schema=READS
    )
    return pa.Table.from_batches([annotator(annotate).function(batch)])


def decide(signals: pa.Table, languages: list[str], select: Select) -> dict[str, list[str]]:
    """Per family and document the first rule that fails, or ""."""
    found = {}
    for family in FAMILIES:
        rules = [rule for rule in rules_of(select) if rule.name.startswith(f"{family}.")]
        names = sorted(set(languages))
        lang = np.array([names.index(each) for each in languages])
        failures = Trials(signals, np.zeros(len(lang), np.int64), lang, [""], names).first_failures(rules)
        found[family] = [rules[number].name if number >= 0 else "" for number in failures.rule]
    return found


def compare(
    texts: list[str], languages: list[str], annotate: Annotate, select: Select, tokenizer: WordTokenizer
) -> dict[str, Agreement]:
    """Ask both about every document."""
    ours = decide(measured(texts, languages, annotate), languages, select)
    filters = {each: Filters(each, annotate.stop_words.get(each, []), tokenizer) for each in set(languages)}
    agreements = {family: Agreement() for family in FAMILIES}
    for number, (text, language) in enumerate(zip(texts, languages, strict=True)):
        answers, _ = filters[language](text)
        for family, agreement in agreements.items():
            agreement.add(answers[family], ours[family][number], text)
    return agreements
