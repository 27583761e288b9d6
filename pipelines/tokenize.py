"""Encode the corpus into packed token shards."""

from pipelines._stage import Stage, run
from textmill.config.tokenize import Tokenize

WEIGHTS = "data/mitigation/weights.parquet"
AUGMENTED = "data/mitigation/augmented"
CANARIES = ".textmill/canaries"


def main(stage: Stage) -> None:
    """Encode both splits: data/corpus, models/tokenizer -> data/tokens."""
    from textmill.allocator import tune_allocator
    from textmill.arrow import arrow_without_pandas
    from textmill.corpus.engines import engine_of
    from textmill.corpus.finished import SHARDS, finished_shards
    from textmill.files import replacing_directory, write_json
    from textmill.progress import track
    from textmill.tokenization.canaries import draw_canaries, write_canaries
    from textmill.tokenization.directory import load_tokenizer
    from textmill.tokenization.encoding import Encoder
    from textmill.tokenization.mixing import Mixing, check_names
    from textmill.tokenization.tokenize import add_counts, document_shards, tokenize_split

    params = stage.params(Tokenize)
    tune_allocator()
    arrow_without_pandas()
    encoder = Encoder(load_tokenizer("models/tokenizer"), params.encoder)
    mixing = Mixing(stage.seed, params.epochs, params.by_source, params.by_language, WEIGHTS)
    # This process uses more than one core by itself; a cluster has others.
    engine = engine_of(stage.how) if stage.how.engine != "local" else None
    planted = draw_canaries(params.canaries, stage.seed) if params.canaries.copies else []
    more = [AUGMENTED, *write_canaries(planted, CANARIES, stage.seed)]
    splits = (("train", mixing, more), ("validation", None, []))
    paths = {split: document_shards(f"data/corpus/{split}", more) for split, _, more in splits}
    parity, counts = params.parity_documents, {}
    with (
        finished_shards(SHARDS, "tokenize", [encoder, mixing, parity, paths]) as kept,
        replacing_directory("data/tokens") as folder,
    ):
        for split, mix, more in splits:
            corpus = f"data/corpus/{split}"
            shards = tokenize_split(
                corpus, folder / split, encoder, parity, mix, more, engine=engine, kept=kept
            )
            total = len(paths[split])
            counts[split] = add_counts(track(shards, f"{stage.label} {split}", total, "shards"), corpus)
        check_names(mixing, counts["train"])
        write_json(folder / "tokens.json", counts)
        if planted:
            write_json(folder / "canaries.json", planted)
    stage.say(
        f"{counts['train']['tokens']:,} tokens to train on, {counts['validation']['tokens']:,} to validate"
    )


if __name__ == "__main__":
    run(main, "tokenize")
