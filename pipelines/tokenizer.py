"""Train the tokenizer on the training split of the corpus and measure how it splits each language."""

from pipelines._stage import Stage, run
from textmill.config.tokenizer import Tokenizer


def main(stage: Stage) -> None:
    """Train a byte-level BPE tokenizer: data/corpus/train -> models/tokenizer, reports/tokenizer.json."""
    from textmill.corpus.shards import count_rows, shard_paths
    from textmill.errors import UserError
    from textmill.files import write_json
    from textmill.tokenization.bpe import train_bpe
    from textmill.tokenization.directory import save_tokenizer
    from textmill.tokenization.fertility import fertility

    params = stage.params(Tokenizer)
    shards = shard_paths("data/corpus/train")
    if not count_rows("data/corpus/train"):
        raise UserError("data/corpus/train: expected documents to learn from, found none.")
    tokenizer = train_bpe(shards, params.vocab_size, params.trainer)
    save_tokenizer(tokenizer, "models/tokenizer")
    report = fertility(tokenizer, "data/corpus/validation")
    write_json("reports/tokenizer.json", {"vocab_size": tokenizer.get_vocab_size(), "languages": report})
    stage.say(
        f"{tokenizer.get_vocab_size():,} entries; bytes per token "
        + ", ".join(f"{language} {figures['bytes_per_token']:.2f}" for language, figures in report.items())
    )


if __name__ == "__main__":
    run(main, "tokenizer")
