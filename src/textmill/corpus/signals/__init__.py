"""Quality signals: what is measured on a document. Values only; `select` holds the thresholds."""

from textmill.corpus.signals.annotator import FAMILIES, annotator

__all__ = ["FAMILIES", "annotator"]
