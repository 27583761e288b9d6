"""clean: data/raw → data/clean. Repairs, normalizes and masks every document; drops none."""

from pipelines._stage import Stage, run
from textmill.config.clean import Clean
from textmill.corpus.cleaning.pipeline import cleaner
from textmill.corpus.engines import engine_of
from textmill.corpus.finished import SHARDS
from textmill.corpus.mapping import count_rows, map_shards

SOURCE, TARGET = "data/raw", "data/clean"


def main(stage: Stage) -> None:
    """Clean the documents of data/raw, row by row and shard by shard, into data/clean."""
    operator = cleaner(stage.params(Clean))
    with stage.progress(count_rows(SOURCE)) as progress:
        rows = map_shards(
            operator, SOURCE, TARGET, engine=engine_of(stage.how), finished=SHARDS, advance=progress.advance
        )
    stage.say(f"{rows:,} documents cleaned")


if __name__ == "__main__":
    run(main, "clean")
