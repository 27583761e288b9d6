"""Decide which documents are kept, say why the others are not, and split what is left."""
