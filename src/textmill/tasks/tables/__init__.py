"""The rows of tasks: one reader per kind, and how rows are cleaned, deduplicated and split."""
