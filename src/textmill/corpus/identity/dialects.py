"""Which variety of a language a text shows, by words and characters that give it away.

A coarse instrument on purpose: no model, nothing to train, every decision can be read off the lexicon. It
finds texts that *use* a variety's words; it misses most that do not happen to, and says nothing of who
wrote a text.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.corpus.identity.finders import finder_of
from textmill.corpus.identity.lexicon import load_lexicon
from textmill.corpus.identity.mentions import text_bytes
from textmill.corpus.identity.scripts import script_of

LEAST_TERMS = 2
"""Different terms that a document needs before it counts for a variety."""
RIVALS = {"british": "american", "american": "british"}
"""Spellings of the same words: a document counts for one only with more than twice the other's terms."""


class DialectFinder:
    """Finds varieties of one language; `names` are the columns of what it returns."""

    def __init__(self, language: str):
        """Raises UserError where there is no lexicon of the language's varieties."""
        self.lexicon = load_lexicon(language, "dialects")
        self._finder = finder_of(self.lexicon)
        self._listed = [group for _, group in self.lexicon.groups]
        self.names = self._listed + (["traditional", "simplified"] if language == "zh" else [])

    def find(self, texts: pa.LargeStringArray) -> npt.NDArray[np.bool_]:
        """Which varieties each document of a block shows: bool[documents, names]."""
        mentions = self._finder.find(texts)
        terms = len(self.lexicon.terms)
        document = mentions.document[mentions.sentence]
        different = np.unique(document * terms + mentions.term)
        counts = np.zeros((mentions.documents, len(self._listed)), dtype=np.int64)
        where, group = np.nonzero(self.lexicon.in_group[different % terms])
        np.add.at(counts, (different[where] // terms, group), 1)
        found = counts >= LEAST_TERMS
        for name, rival in RIVALS.items():
            if name in self._listed:
                mine, other = self._listed.index(name), self._listed.index(rival)
                found[:, mine] &= counts[:, mine] > 2 * counts[:, other]
        if self.lexicon.language != "zh":
            return found
        return np.hstack([found, script_of(*_points(texts))])


def _points(texts: pa.LargeStringArray) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    data, byte_offsets = text_bytes(texts)
    points = np.frombuffer(data.tobytes().decode("utf-8").encode("utf-32-le"), dtype=np.uint32)
    before = np.concatenate(([0], np.cumsum((data & 0xC0) != 0x80)))
    return points, before[byte_offsets]
