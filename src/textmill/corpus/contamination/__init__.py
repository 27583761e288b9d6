"""Which documents share text with the rows that must stay unseen: those of tasks, and of sets the user names.

The unit is the n-gram of tokens (see `textmill.corpus.shingles`): 13 words, or 13 characters in scripts
without spaces, as in GPT-3 (Brown et al. 2020, appendix C). A row's texts (a task's input and target, a set's
columns) are looked at one by one; one shorter than an n-gram counts as a whole, if it has a minimum of
tokens. N-grams are found by hash, and each hit is confirmed on the characters.
"""

from textmill.corpus.contamination.overlaps import OVERLAP, Overlaps, find_overlaps
from textmill.corpus.contamination.rows import index_rows
from textmill.corpus.contamination.texts import TEXT, set_texts, task_texts

__all__ = ["OVERLAP", "TEXT", "Overlaps", "find_overlaps", "index_rows", "set_texts", "task_texts"]
