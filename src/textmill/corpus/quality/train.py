"""Learn what is good, language by language, and say how well that worked on documents not learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from textmill.config.quality import Quality
from textmill.corpus.quality import classifier, perplexity
from textmill.corpus.quality.examples import Examples
from textmill.corpus.quality.figures import area_under_curve, calibration, shares_above
from textmill.corpus.quality.folds import FOLDS, fold_of
from textmill.corpus.shingles import tokens

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judges:
    """The models of one language; number f judges fold f and has learned from the others."""

    classifiers: tuple[classifier.Classifier, ...]
    language_models: tuple[perplexity.LanguageModel, ...]


def train(examples: Mapping[str, Examples], options: Quality) -> tuple[dict[str, Judges], dict[str, Any]]:
    """Learn from the examples of each language.

    Returns:
        The models by language, and for each language the figures of the report: how many documents, and how
        well the scores of documents that a model has not learned from tell good ones from others.
    """
    judges, report = {}, {}
    for language, found in examples.items():
        judges[language], figures = _train(found, options)
        report[language] = {
            "good": int(found.good.sum()),
            "others": int((~found.good).sum()),
            **figures,
        }
    return judges, report


def _train(found: Examples, options: Quality) -> tuple[Judges, dict[str, Any]]:
    fold = fold_of(found.numbers)
    report: dict[str, Any] = {}
    classifiers: list[classifier.Classifier] = []
    models: list[perplexity.LanguageModel] = []
    perplexities: Floats | None = None
    if options.perplexity:
        models, perplexities = _language_models(found, fold, options)
        report["perplexity"] = _told_apart(perplexities, found)
    if options.classifier:
        classifiers, probability = _classifiers(found, fold, perplexities, options)
        report["classifier"] = {
            "auc": round(area_under_curve(probability, found.good), 4),
            **calibration(probability, found.good),
            "thresholds": shares_above(probability, found.good),
        }
    return Judges(tuple(classifiers), tuple(models)), report


def _told_apart(perplexities: Floats, found: Examples) -> dict[str, Any]:
    seen = ~np.isnan(perplexities)
    values, good = perplexities[seen], found.good[seen]
    return {
        "auc": round(area_under_curve(-values, good), 4),
        "quantiles": {
            name: {f"{q:g}": round(float(np.quantile(values[good == kind], q)), 1) for q in (0.1, 0.5, 0.9)}
            for name, kind in (("good", True), ("others", False))
        },
    }


def _classifiers(
    found: Examples, fold: npt.NDArray[np.int64], perplexities: Floats | None, options: Quality
) -> tuple[list[classifier.Classifier], Floats]:
    documents = classifier.features(tokens(found.texts), options.ngrams, options.buckets_log2)
    judges = []
    log_odds = np.zeros(len(fold))
    for number in range(FOLDS):
        others = fold != number
        judge = classifier.fit(documents[others], found.good[others], options.strength)
        log_odds[~others] = judge.log_odds(documents[~others])
        judges.append(judge)
    evidence = classifier.evidence(log_odds, perplexities)
    scale = classifier.scale(evidence, found.good)
    return [replace(judge, scale=scale) for judge in judges], classifier.weighed(evidence, scale)


def _language_models(
    found: Examples, fold: npt.NDArray[np.int64], options: Quality
) -> tuple[list[perplexity.LanguageModel], Floats]:
    models = []
    values = np.zeros(len(fold))
    for number in range(FOLDS):
        mine = fold == number
        model = perplexity.fit(
            tokens(found.texts.filter(~mine & found.good)), options.order, options.vocabulary
        )
        values[mine] = model.perplexities(tokens(found.texts.filter(mine)))
        models.append(model)
    return models, values
