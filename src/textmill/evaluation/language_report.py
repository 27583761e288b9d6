"""The report of a pretrained model: figures and comparisons over validation documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textmill.evaluation.metrics.metric import Floats, Metric
from textmill.evaluation.report import models_and_comparisons
from textmill.evaluation.significance import bootstrap


def report_language_model(
    metrics: list[Metric], statistics: Mapping[str, Floats], subject: str, resamples: int, seed: int
) -> dict[str, Any]:
    """`models` and `comparisons` of a report (docs/contracts.md), with intervals over documents.

    Documents without anything to predict are left out.

    Args:
        metrics: all of the same sums.
        statistics: sums per document of each model, shape (documents, k); the last column counts what was
            predicted, or its bytes.
        subject: the model that is compared with the others.
        resamples: bootstrap resamples of documents.
        seed: of the resampling.
    """
    counted = statistics[subject][:, -1] > 0
    repeated = {model: [sums[counted]] * len(metrics) for model, sums in statistics.items()}
    return models_and_comparisons(bootstrap(metrics, repeated, resamples, seed), subject)
