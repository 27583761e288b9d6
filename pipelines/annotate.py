"""annotate: data/clean → data/signals. Measures every document; decides nothing and writes no text."""

from pipelines._stage import Stage, run
from textmill.config.annotate import Annotate
from textmill.corpus.engines import engine_of
from textmill.corpus.finished import SHARDS
from textmill.corpus.mapping import count_rows, map_shards
from textmill.corpus.signals import annotator

SOURCE, TARGET = "data/clean", "data/signals"


def main(stage: Stage) -> None:
    """Write the quality signals of data/clean to data/signals, aligned shard by shard and row by row."""
    operator = annotator(stage.params(Annotate))
    with stage.progress(count_rows(SOURCE)) as progress:
        rows = map_shards(
            operator,
            SOURCE,
            TARGET,
            keep=["id"],
            engine=engine_of(stage.how),
            finished=SHARDS,
            advance=progress.advance,
        )
    stage.say(f"{rows:,} documents, {len(operator.adds)} signals each")


if __name__ == "__main__":
    run(main, "annotate")
