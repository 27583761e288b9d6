"""Train vectors on a corpus and run the association tests on them: the report of the stage embeddings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.config.embeddings import Embeddings
from textmill.evaluation.bias.intervals import benjamini_hochberg, normal_quantile
from textmill.evaluation.bias.weat import differential, effect_size, weat
from textmill.evaluation.bias.wordsets import WordTest, own_tests, standard_tests
from textmill.evaluation.embeddings.glove import glove
from textmill.evaluation.embeddings.segmentation import splitter
from textmill.evaluation.embeddings.tokens import Tokens, chosen_documents, sample
from textmill.evaluation.embeddings.vectors import Vectors
from textmill.evaluation.embeddings.word2vec import word2vec

METHODS: dict[str, Callable[[Tokens, Embeddings, int], Vectors]] = {"word2vec": word2vec, "glove": glove}
CONFIDENCE = 0.95

Batches = Iterable[tuple[pa.Array, pa.Array]]
Documents = Callable[[str], Batches]


def documents_of(
    directories: Sequence[str | os.PathLike[str]],
    settings: Embeddings,
    seed: int,
    copies: Callable[[pa.RecordBatch], npt.NDArray[np.int64]] | None = None,
) -> Documents:
    """The documents to train on, by language: the sample that the params allow (see `chosen_documents`)."""
    most = int(settings.max_megabytes * 1e6)
    return lambda language: chosen_documents(directories, language, most, seed, copies)


def embedding_report(
    documents: Documents,
    settings: Embeddings,
    seed: int,
    keep: Callable[[str, Vectors], None] = lambda name, vectors: None,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Association tests for every language and method of the params.

    Args:
        documents: language to batches of (ids, texts).
        settings: the params; without methods nothing is read.
        seed: of the vectors, the permutations and the resamples.
        keep: receives each language and method's vectors, named ``en-glove``.
        say: one line for the person watching.

    Returns:
        ``samples`` per language (documents, words, vocabulary), ``tests``: one row per language, method and
        test, with effect size, interval, p and p adjusted over all rows (Benjamini–Hochberg), and ``skipped``
        tests with the words that are not in the vocabulary.
    """
    report: dict[str, Any] = {
        "methods": list(settings.methods), "confidence": CONFIDENCE, "samples": {}, "tests": [], "skipped":
        [],
    }  # fmt: skip
    if not settings.methods:
        return report
    for language in settings.languages:
        tests = own_tests(language)
        if language == "en" and settings.standard_sets:
            tests += standard_tests(settings.artifact)
        words = sorted({word for test in tests for word in test.words})
        split = splitter(language, settings.segment, words)
        tokens = sample(documents(language), split, settings.min_count, settings.max_words)
        report["samples"][language] = {
            "documents": tokens.documents, "words": len(tokens.ids), "vocabulary": len(tokens.words),
        }  # fmt: skip
        known = set(tokens.words)
        able = [test for test in tests if _enough(test, known, settings.min_words)]
        report["skipped"] += [_skipped(language, test, known) for test in tests if test not in able]
        if not able:
            continue
        for method in settings.methods:
            say(f"{language}: {method} on {len(tokens.ids):,} words, vocabulary {len(tokens.words):,}")
            vectors = METHODS[method](tokens, settings, seed)
            keep(f"{language}-{method}", vectors)
            rows = [_row(language, method, test, vectors, settings, seed) for test in able]
            _replicate(rows, able, tokens, method, settings, seed)
            report["tests"] += rows
    for row, p in zip(
        report["tests"], benjamini_hochberg([row["p"] for row in report["tests"]]), strict=True
    ):
        row["p_adjusted"] = float(f"{p:.4g}")
    return report


def _enough(test: WordTest, known: set[str], least: int) -> bool:
    return all(len(known & set(words)) >= least for _, words in (test.x, test.y, test.a, test.b))


def _known(words: list[str], vectors: Vectors) -> list[str]:
    return [word for word in words if word in vectors.index]


def _skipped(language: str, test: WordTest, known: set[str]) -> dict[str, Any]:
    missing = [word for word in test.words if word not in known]
    return {"language": language, "axis": test.axis, "name": test.name, "missing": missing}


def _row(
    language: str, method: str, test: WordTest, vectors: Vectors, settings: Embeddings, seed: int
) -> dict[str, Any]:
    sets = [_known(words, vectors) for _, words in (test.x, test.y, test.a, test.b)]
    found = weat(
        *(vectors.of(words) for words in sets),
        draws=settings.permutations,
        resamples=settings.resamples,
        seed=seed,
        confidence=CONFIDENCE,
    )
    return {
        "language": language,
        "method": method,
        "axis": test.axis,
        "name": test.name,
        **{key: part[0] for key, part in zip("xyab", (test.x, test.y, test.a, test.b), strict=True)},
        "words": [len(words) for words in sets],
        **found,
    }


def _replicate(
    rows: list[dict[str, Any]], tests: list[WordTest], tokens: Tokens, method: str, settings: Embeddings,
    seed: int
) -> None:  # fmt: skip
    """Add an interval over documents: vectors of resampled documents (Antoniak and Mimno 2018)."""
    if not settings.replicates:
        return
    effects = np.full((settings.replicates, len(tests)), np.nan)
    for number in range(settings.replicates):
        times = np.random.default_rng([seed, number]).poisson(1.0, tokens.documents)
        again = METHODS[method](tokens.repeated(times), settings, seed + 1 + number)
        for place, test in enumerate(tests):
            x, y, a, b = (again.of(_known(words, again)) for _, words in (test.x, test.y, test.a, test.b))
            effects[number, place] = effect_size(differential(x, a, b), differential(y, a, b))
    spread = effects.std(axis=0, ddof=1) if settings.replicates > 1 else np.zeros(len(tests))
    z = normal_quantile(CONFIDENCE)
    for row, error in zip(rows, spread, strict=True):
        value = row["effect"]["value"]
        row["documents"] = {"low": round(value - z * error, 4), "high": round(value + z * error, 4)}
