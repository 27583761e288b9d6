"""ingest: read every source of params.yaml into document shards and a manifest."""

from pathlib import Path

from pipelines._stage import Stage, run
from textmill.config.ingest import Ingest
from textmill.corpus.sources.ingest import ingest

TARGET = Path("data/raw")


def main(stage: Stage) -> None:
    """Read the sources of params.yaml into data/raw."""
    settings = stage.params(Ingest)
    with stage.progress() as progress:
        manifest = ingest(settings, TARGET, progress.advance)
    megabytes = manifest["bytes"] / 1e6
    stage.say(
        f"{manifest['documents']:,} documents, {megabytes:.1f} MB, from {len(manifest['sources'])} sources"
    )


if __name__ == "__main__":
    run(main, "ingest")
