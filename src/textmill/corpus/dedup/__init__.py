"""Find duplicates: clusters of documents, and parts of documents that repeat. Nothing is dropped here."""

from textmill.corpus.dedup.clusters import DUPLICATE
from textmill.corpus.dedup.find import find_and_judge, find_duplicates

__all__ = ["DUPLICATE", "find_and_judge", "find_duplicates"]
