"""quality: data/clean and the user's good set → data/quality. Scores every document; decides nothing."""

from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines._stage import Stage, run
from textmill.config.ingest import Files

SOURCE, TARGET = Path("data/clean"), Path("data/quality")


def main(stage: Stage) -> None:
    """Write data/quality, aligned with data/clean shard by shard, and reports/quality.json."""
    from textmill.config.quality import Quality
    from textmill.corpus.engines import engine_of
    from textmill.corpus.finished import SHARDS
    from textmill.corpus.mapping import count_rows, map_shards
    from textmill.corpus.quality import gather, scorer, train
    from textmill.files import replacing_directory, write_json

    options = stage.params(Quality)
    if options.good is None:
        with replacing_directory(TARGET) as folder:
            write_json(folder / "columns.json", [])
        write_json("reports/quality.json", {"columns": [], "languages": {}})
        stage.say("off: quality.good names no good documents")
        return
    with TemporaryDirectory(prefix="textmill-quality-") as temporary:
        files = _read_files(stage, options.good.files, Path(temporary)) if options.good.files else None
        judges, report = train(gather(SOURCE, files, options, stage.seed), options)
    operator = scorer(judges, options, stage.seed)
    with stage.progress(count_rows(SOURCE)) as progress:
        map_shards(
            operator,
            SOURCE,
            TARGET,
            keep=["id"],
            engine=engine_of(stage.how),
            finished=SHARDS,
            advance=progress.advance,
        )
    write_json("reports/quality.json", {"columns": operator.adds.names, "languages": report})
    for language, figures in report.items():
        names = [name for name in ("classifier", "perplexity") if name in figures]
        areas = [f"{name} {figures[name]['auc']:.3f}" for name in names]
        stage.say(
            f"{language}: learned from {figures['good']:,} good and {figures['others']:,} other documents; "
            f"area under the curve: {', '.join(areas)}"
        )


def _read_files(stage: Stage, files: Files, folder: Path) -> Path:
    """Read and clean the good set's own files into `folder`, as ingest and clean do with documents."""
    from textmill.config.clean import Clean
    from textmill.config.ingest import Ingest
    from textmill.config.load import read_params
    from textmill.corpus.cleaning.pipeline import cleaner
    from textmill.corpus.mapping import map_shards
    from textmill.corpus.sources.ingest import ingest

    local = (read_params().get("ingest") or {}).get("local", "sources")
    ingest(Ingest(local=local, sources={"quality.good.files": files}), folder / "raw")
    map_shards(cleaner(stage.params(Clean, "clean")), folder / "raw", folder / "clean")
    return folder / "clean"


if __name__ == "__main__":
    run(main, "quality")
