"""Generate token ids with a language model: greedily, by beam search, or by sampling."""

from textmill.modeling.decoding.choose import Generator, is_lean
from textmill.modeling.decoding.settings import Decoding

__all__ = ["Decoding", "Generator", "is_lean"]
