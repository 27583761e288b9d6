"""Find duplicates: clusters of documents, and parts of documents that repeat. Nothing is dropped here."""

from textmill.corpus.dedup.clusters import DUPLICATE
from textmill.corpus.dedup.find import find_duplicates

__all__ = ["DUPLICATE", "find_duplicates"]
