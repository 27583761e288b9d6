"""What select would keep with other params, counted from what is stored, without touching a text."""
