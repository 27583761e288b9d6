"""The gate between data and training: facts about the corpus, and what is expected of them."""
