"""How often a document names groups of people, and how pleasant or unpleasant the sentences are that do.

Optional: nothing is dropped by these signals unless `select.signals` bounds one of them.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.config.annotate import Annotate
from textmill.corpus.identity.finders import Finder, finder_of
from textmill.corpus.identity.lexicon import LANGUAGES, Lexicon, load_lexicon
from textmill.corpus.identity.mentions import blocks
from textmill.corpus.signals.family import COUNT, RATIO, Family, Signal
from textmill.corpus.signals.layout import Layout
from textmill.corpus.signals.spans import ratio

AXES = ("gender", "age", "ethnicity", "religion", "nationality", "disability")
_COUNTED = (*AXES, "mentions", "negative", "positive", "sentences")
_BLOCK_BYTES = 4 << 20


def compute(layout: Layout, options: Annotate) -> dict[str, np.ma.MaskedArray]:
    """The signals of `IDENTITY`; masked where there is no lexicon of the document's language."""
    counts = np.ma.masked_all((layout.size, len(_COUNTED)), np.int64)
    for language in LANGUAGES:
        rows = np.flatnonzero(layout.languages == language)
        texts = layout.texts.take(pa.array(rows, pa.int64()))
        lexicon, finder = _tools(language)
        for start, run in blocks(texts, _BLOCK_BYTES):
            counts[rows[start : start + len(run)]] = _count(lexicon, finder, run)
    column = dict(zip(_COUNTED, counts.T, strict=True))
    score = ratio(
        (column["negative"] - column["positive"]).filled(0).astype(np.float64), column["sentences"].filled(0)
    )
    return {
        "identity_mentions": column["mentions"],
        **{f"identity_{axis}": column[axis] for axis in AXES},
        "identity_negative": column["negative"],
        "identity_positive": column["positive"],
        "identity_score": np.ma.array(score, mask=np.ma.getmaskarray(column["mentions"])),
    }


@cache
def _tools(language: str) -> tuple[Lexicon, Finder]:
    lexicon = load_lexicon(language)
    return lexicon, finder_of(lexicon)


def _count(lexicon: Lexicon, finder: Finder, texts: pa.LargeStringArray) -> npt.NDArray[np.int64]:
    """int64[documents, _COUNTED]."""
    mentions = finder.find(texts)
    document = mentions.document[mentions.sentence]
    of_axis = np.stack([lexicon.in_group[:, lexicon.axes[axis]].any(axis=1) for axis in AXES], axis=1)
    names = np.asarray(lexicon.in_group.any(axis=1))[mentions.term]
    named = np.zeros(len(mentions.units), bool)
    named[mentions.sentence[names]] = True

    def per_document(chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        return np.bincount(document[chosen], minlength=mentions.documents)

    attribute = {name: column for column, (_, name) in enumerate(lexicon.attributes)}
    near = named[mentions.sentence]
    columns = [
        *(per_document(of_axis[mentions.term, place]) for place in range(len(AXES))),
        per_document(names),
        per_document(near & lexicon.in_attribute[mentions.term, attribute["unpleasant"]]),
        per_document(near & lexicon.in_attribute[mentions.term, attribute["pleasant"]]),
        np.bincount(mentions.document[named], minlength=mentions.documents),
    ]
    return np.stack(columns, axis=1)


IDENTITY = Family(
    "identity",
    "",
    (
        Signal("identity_mentions", COUNT, "words that name a group of people; null without a lexicon"),
        *(Signal(f"identity_{axis}", COUNT, f"those of the axis {axis}") for axis in AXES),
        Signal("identity_negative", COUNT, "unpleasant words in sentences that name a group"),
        Signal("identity_positive", COUNT, "pleasant words in sentences that name a group"),
        Signal("identity_score", RATIO, "unpleasant less pleasant words per sentence that names a group"),
    ),
    compute,
)
