"""The finder that fits a language's script."""

from __future__ import annotations

from textmill.corpus.identity.characters import CharacterFinder
from textmill.corpus.identity.lexicon import Lexicon
from textmill.corpus.identity.words import WordFinder

Finder = CharacterFinder | WordFinder


def finder_of(lexicon: Lexicon) -> Finder:
    """Finds the lexicon's terms: characters in Chinese, whole words elsewhere."""
    return CharacterFinder(lexicon) if lexicon.language == "zh" else WordFinder(lexicon)
