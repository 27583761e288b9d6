"""Cleaning: encoding repair, HTML to text, Unicode and whitespace normalization, masking, language."""

from textmill.corpus.cleaning.text import Cleaned, clean, clean_text

__all__ = ["Cleaned", "clean", "clean_text"]
