"""Documents and what is done to them. No torch here."""
