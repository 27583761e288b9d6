"""Train the tokenizer on the training split of the corpus and measure how it splits each language."""

from pipelines._stage import Stage, run
from textmill.config.tokenizer import Tokenizer


def main(stage: Stage) -> None:
    """Train a byte-level tokenizer: data/corpus -> models/tokenizer, reports/tokenizer.json."""
    import os
    import tempfile

    from textmill.files import write_json
    from textmill.tokenization.bpe import train_bpe
    from textmill.tokenization.directory import save_tokenizer
    from textmill.tokenization.fertility import fertility
    from textmill.tokenization.sample import draw_sample
    from textmill.tokenization.unigram import train_unigram

    # This process never forks, which is what the library's threads are switched off for elsewhere.
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if stage.how.workers > 1 else "false"
    params = stage.params(Tokenizer)
    with tempfile.TemporaryDirectory(prefix="textmill-sample-") as folder:
        sample = draw_sample("data/corpus/train", params.sample, stage.seed, folder)
        if params.model == "bpe":
            tokenizer = train_bpe(sample.shards, params.vocab_size, params.trainer)
        else:
            tokenizer = train_unigram(sample.shards, params.vocab_size)
    save_tokenizer(tokenizer, "models/tokenizer")
    figures = fertility(tokenizer, "data/corpus/validation")
    size = tokenizer.get_vocab_size()
    write_json(
        "reports/tokenizer.json",
        {"model": params.model, "vocab_size": size, "sample": sample.report, **figures},
    )
    drawn, of = sample.report["characters"], sample.report["of_characters"]
    stage.say(
        f"{size:,} entries from {drawn:,} of {of:,} characters; bytes per token "
        + ", ".join(f"{name} {each['bytes_per_token']:.2f}" for name, each in figures["languages"].items())
    )


if __name__ == "__main__":
    run(main, "tokenizer")
