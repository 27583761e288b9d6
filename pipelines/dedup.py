"""Find exact and near-duplicates among the cleaned documents; nothing is dropped here."""

from pathlib import Path
from typing import Any

from pipelines._stage import Stage, run


def main(stage: Stage) -> None:
    """Write data/duplicates: every document that has a duplicate, and the cluster it belongs to."""
    import pyarrow.compute as pc

    from textmill.allocator import tune_allocator
    from textmill.arrow import arrow_without_pandas
    from textmill.config.dedup import Dedup
    from textmill.corpus.dedup import find_and_judge
    from textmill.corpus.engines import engine_of
    from textmill.corpus.shards import count_rows, write_table
    from textmill.files import write_json

    tune_allocator()
    arrow_without_pandas()
    params = stage.params(Dedup)
    out = Path("data/duplicates")
    out.mkdir(parents=True, exist_ok=True)
    documents = count_rows("data/clean")
    with stage.progress(documents) as progress:
        judged = find_and_judge(
            "data/clean", params, stage.seed, out, progress.advance, params.index, engine_of(stage.how)
        )
    found = judged.table
    write_table(out / "duplicates.parquet", found)
    exact = pc.sum(pc.equal(found["kind"], "exact")).as_py() or 0
    clusters = len(found["cluster"].unique())
    stage.say(
        f"{found.num_rows:,} of {documents:,} documents are in {clusters:,} clusters; {exact:,} of them have "
        "the text of their representative, the others are near-duplicates"
    )
    if quality := judged.quality:
        write_json(out / "quality.json", quality)
        stage.say(
            f"{quality['found']:,} of {quality['planted']:,} planted near-duplicates were found, and "
            f"{quality['wrongly_found']:,} of {quality['near_misses']:,} near-misses"
        )
    _find_repeats(stage, params, found, out)


def _find_repeats(stage: Stage, params: Any, found: Any, out: Path) -> None:
    """Write data/duplicates/spans.parquet if params ask for repeats."""
    from textmill.corpus.repeats.find import find_repeats
    from textmill.corpus.shards import count_rows, write_table

    readings = 2 * sum(part is not None for part in (params.lines, params.paragraphs, params.substrings))
    if not readings:
        return
    with stage.progress(readings * count_rows("data/clean")) as progress:
        spans = find_repeats("data/clean", params, found, out, progress.advance)
    write_table(out / "spans.parquet", spans)
    stage.say(f"{spans.num_rows:,} repeats in {len(spans['id'].unique()):,} documents")


if __name__ == "__main__":
    run(main, "dedup")
