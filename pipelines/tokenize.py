"""Encode the corpus into packed token shards."""

from pipelines._stage import Stage, run
from textmill.config.tokenize import Tokenize


def main(stage: Stage) -> None:
    """Encode both splits: data/corpus, models/tokenizer -> data/tokens."""
    from textmill.corpus.shards import shard_paths
    from textmill.files import replacing_directory, write_json
    from textmill.progress import track
    from textmill.tokenization.directory import load_tokenizer
    from textmill.tokenization.encoding import Encoder
    from textmill.tokenization.tokenize import add_counts, tokenize_split

    params = stage.params(Tokenize)
    encoder = Encoder(load_tokenizer("models/tokenizer"), params.encoder)
    counts = {}
    with replacing_directory("data/tokens") as folder:
        for split in ("train", "validation"):
            corpus = f"data/corpus/{split}"
            shards = tokenize_split(corpus, folder / split, encoder, params.parity_documents)
            total = len(shard_paths(corpus))
            counts[split] = add_counts(track(shards, f"{stage.label} {split}", total, "shards"), corpus)
        write_json(folder / "tokens.json", counts)
    stage.say(
        f"{counts['train']['tokens']:,} tokens to train on, {counts['validation']['tokens']:,} to validate"
    )


if __name__ == "__main__":
    run(main, "tokenize")
