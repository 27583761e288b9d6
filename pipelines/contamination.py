"""Find the documents that share text with the rows on which tasks are evaluated; nothing is dropped here."""

from pathlib import Path

from pipelines._stage import Stage, run


def main(stage: Stage) -> None:
    """Write data/contamination: for each document and task, the evaluation row that it covers most."""
    from textmill.config.contamination import Contamination
    from textmill.config.load import read_params
    from textmill.corpus.contamination import find_overlaps
    from textmill.corpus.shards import count_rows, write_table

    params = stage.params(Contamination)
    names = sorted(read_params().get("tasks") or {})
    with stage.progress(count_rows("data/clean")) as progress:
        found = find_overlaps("data/clean", "data/tasks", names, params, progress.advance)
    write_table(Path("data/contamination/contamination.parquet"), found)
    documents = len(found["id"].unique())
    stage.say(
        f"{documents:,} documents overlap with the {', '.join(params.splits)} rows of {len(names)} tasks"
    )


if __name__ == "__main__":
    run(main, "contamination")
