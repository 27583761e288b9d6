"""Find the documents that share text with the rows on which tasks are evaluated; nothing is dropped here."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pyarrow as pa

from pipelines._stage import Stage, run
from textmill.errors import UserError


def main(stage: Stage) -> None:
    """Write data/contamination (documents and the rows they overlap with) and reports/contamination.json."""
    from textmill.allocator import tune_allocator
    from textmill.arrow import arrow_without_pandas
    from textmill.config.clean import Clean
    from textmill.config.contamination import Contamination
    from textmill.config.load import read_params
    from textmill.corpus.cleaning import clean_text
    from textmill.corpus.contamination import find_overlaps, index_rows, set_texts, task_texts
    from textmill.corpus.contamination.report import contamination_report
    from textmill.corpus.engines import engine_of
    from textmill.corpus.finished import SHARDS
    from textmill.corpus.shards import count_rows, write_table
    from textmill.files import write_json

    tune_allocator()
    arrow_without_pandas()
    params = stage.params(Contamination)
    declared = read_params()
    tasks = sorted(declared.get("tasks") or {})
    _refuse_shared_names(tasks, params.sets)
    local = Path((declared.get("ingest") or {}).get("local", "sources"))
    clean = partial(clean_text, options=stage.params(Clean, "clean"))
    texts = [task_texts("data/tasks", tasks, params.splits), set_texts(params.sets, local, clean)]
    rows = index_rows(pa.concat_tables(texts), params)
    with stage.progress(count_rows("data/clean")) as progress:
        found = find_overlaps(
            "data/clean", rows, progress.advance, engine=engine_of(stage.how), finished=SHARDS
        )
    about = {name: {"kind": "task"} for name in tasks} | {
        name: {"kind": "set", "license": one.license} for name, one in params.sets.items()
    }
    report = contamination_report(found, rows, about)
    write_table(Path("data/contamination/contamination.parquet"), found.documents)
    write_table(Path("data/contamination/rows.parquet"), found.texts(rows))
    write_json("reports/contamination.json", report)
    for name, figures in report["sets"].items():
        stage.say(
            f"{name}: {figures['rows_found']:,} of {figures['rows']:,} rows share text with "
            f"{figures['documents']:,} documents, {figures['rows_whole']:,} are held whole"
        )


def _refuse_shared_names(tasks: Iterable[str], sets: Iterable[str]) -> None:
    shared = sorted(set(tasks) & set(sets))
    if shared:
        raise UserError(
            f"params.yaml: contamination.sets.{shared[0]}: a task has this name too; expected another."
        )


if __name__ == "__main__":
    run(main, "contamination")
