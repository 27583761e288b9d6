"""ingest: read every source of params.yaml into document shards and a manifest."""

from pathlib import Path

from pipelines._stage import Stage, run
from textmill.config.ingest import Ingest
from textmill.config.run import Run
from textmill.corpus.sources.cache import Cache
from textmill.corpus.sources.ingest import ingest

TARGET = Path("data/raw")
KEPT = Path(".textmill/ingest")
"""What was read of each file, so that only changed files are read again."""


def main(stage: Stage) -> None:
    """Read the sources of params.yaml into data/raw."""
    settings = stage.params(Ingest)
    limit = int(stage.params(Run, "run").reading_cache_gb * 1e9)
    with stage.progress() as progress:
        manifest = ingest(settings, TARGET, progress.advance, Cache(KEPT, limit) if limit else None)
    megabytes = manifest["bytes"] / 1e6
    stage.say(
        f"{manifest['documents']:,} documents, {megabytes:.1f} MB, from {len(manifest['sources'])} sources"
    )
    if manifest["unreadable"]:
        stage.say(f"{manifest['unreadable']:,} records cannot be read: {TARGET}/unreadable.parquet")


if __name__ == "__main__":
    run(main, "ingest")
