"""How like a user's own set of good documents each document is."""

from textmill.corpus.quality.examples import Examples, gather
from textmill.corpus.quality.score import scorer
from textmill.corpus.quality.train import Judges, train

__all__ = ["Examples", "Judges", "gather", "scorer", "train"]
