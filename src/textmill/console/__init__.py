"""Commands that answer questions about documents, as text for a terminal or as JSON."""
