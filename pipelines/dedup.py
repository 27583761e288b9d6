"""Find exact and near-duplicates among the cleaned documents; nothing is dropped here."""

from pathlib import Path

from pipelines._stage import Stage, run


def main(stage: Stage) -> None:
    """Write data/duplicates: every document that has a duplicate, and the cluster it belongs to."""
    import pyarrow.compute as pc

    from textmill.config.dedup import Dedup
    from textmill.corpus.dedup import find_duplicates
    from textmill.corpus.shards import count_rows, write_table

    params = stage.params(Dedup)
    out = Path("data/duplicates")
    out.mkdir(parents=True, exist_ok=True)
    documents = count_rows("data/clean")
    with stage.progress(documents) as progress:
        found = find_duplicates("data/clean", params, stage.seed, out, progress.advance)
    write_table(out / "duplicates.parquet", found)
    exact = pc.sum(pc.equal(found["kind"], "exact")).as_py() or 0
    clusters = len(found["cluster"].unique())
    stage.say(
        f"{found.num_rows:,} of {documents:,} documents are in {clusters:,} clusters; {exact:,} of them have "
        "the text of their representative, the others are near-duplicates"
    )


if __name__ == "__main__":
    run(main, "dedup")
