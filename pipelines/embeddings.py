"""Stage embeddings: word vectors of the training corpus, and association tests on them. Off by default.

Reads data/corpus/train; writes data/embeddings/LANGUAGE-METHOD.parquet and reports/embeddings.json.
"""

from pipelines._stage import Stage, run
from textmill.config.embeddings import Embeddings
from textmill.files import replacing_directory, write_json


def main(stage: Stage) -> None:
    """Train word vectors and test which groups stand nearer to which attributes."""
    from textmill.evaluation.bias.embedding_tests import documents_of, embedding_report

    settings = stage.params(Embeddings)
    with replacing_directory("data/embeddings") as folder:
        report = embedding_report(
            documents_of(["data/corpus/train"], settings, stage.seed),
            settings,
            stage.seed,
            lambda name, vectors: vectors.write(folder / f"{name}.parquet"),
            stage.say,
        )
        write_json(folder / "samples.json", report["samples"])
    write_json("reports/embeddings.json", report)
    if not settings.methods:
        stage.say("off (embeddings.methods is empty)")
        return
    strong = [row for row in report["tests"] if row["p_adjusted"] < 0.05]
    stage.say(
        f"{len(report['tests'])} tests, {len(strong)} of them beyond chance, {len(report['skipped'])} skipped"
    )


if __name__ == "__main__":
    run(main, "embeddings")
