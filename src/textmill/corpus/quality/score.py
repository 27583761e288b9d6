"""Score documents with what was learned, as an operator over shards."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from textmill.config.quality import Quality
from textmill.corpus.operators import Operator
from textmill.corpus.quality import classifier
from textmill.corpus.quality.folds import FOLDS, draws, fold_of
from textmill.corpus.quality.train import Judges
from textmill.corpus.shingles import Tokens, tokens

READS = pa.schema([("text", pa.large_string()), ("lang", pa.string())])
_DECIMALS = 6


def scorer(judges: Mapping[str, Judges], options: Quality, seed: int) -> Operator:
    """The operator of the quality stage: `quality_classifier` and `quality_perplexity`, as options ask.

    Both are null for a document in a language without models, or without a token.
    """
    names = [name for name in ("classifier", "perplexity") if getattr(options, name)]
    adds = pa.schema([(f"quality_{name}", pa.float64()) for name in names])
    return Operator("quality", READS, adds, partial(_score, dict(judges), options, seed))


def _score(judges: dict[str, Judges], options: Quality, seed: int, batch: pa.RecordBatch) -> pa.RecordBatch:
    texts = pc.utf8_slice_codeunits(batch["text"].fill_null(""), 0, options.max_characters)
    languages = np.array(batch["lang"].fill_null("").to_pylist(), object)
    fold = fold_of(draws(texts.to_pylist(), seed))
    columns: dict[str, npt.NDArray[np.float64]] = {}
    if options.classifier:
        columns["quality_classifier"] = np.full(len(fold), np.nan)
    if options.perplexity:
        columns["quality_perplexity"] = np.full(len(fold), np.nan)
    for language, judge in judges.items():
        for number in range(FOLDS):
            rows = np.flatnonzero((languages == language) & (fold == number))
            if len(rows):
                found = tokens(texts.take(pa.array(rows)))
                for name, values in _values(judge, number, options, found).items():
                    columns[name][rows] = values
    return pa.RecordBatch.from_pydict(
        {name: pa.array(np.round(values, _DECIMALS), from_pandas=True) for name, values in columns.items()}
    )


def _values(
    judge: Judges, number: int, options: Quality, found: Tokens
) -> dict[str, npt.NDArray[np.float64]]:
    values = {}
    if options.perplexity:
        values["quality_perplexity"] = judge.language_models[number].perplexities(found)
    if options.classifier:
        documents = classifier.features(found, options.ngrams, options.buckets_log2)
        probability = judge.classifiers[number].probabilities(documents, values.get("quality_perplexity"))
        values["quality_classifier"] = np.where(np.diff(found.offsets) > 0, probability, np.nan)
    return values
