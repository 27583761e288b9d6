"""Train a tokenizer; pack token shards."""
