"""A document's whole life, gathered from what the stages wrote about it."""
