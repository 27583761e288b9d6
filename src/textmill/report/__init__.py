"""The run report (one HTML page) and the model cards (Markdown)."""
