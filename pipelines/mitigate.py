"""Stage mitigate: weights and swapped copies of the training documents. Off by default.

Reads data/corpus/train and data/task_weights; writes data/mitigation (weights.parquet, augmented/) and
reports/mitigation.json, which says what each mitigation changed.
"""

from pipelines._stage import Stage, run
from textmill.config.embeddings import Embeddings
from textmill.config.mitigate import Mitigate
from textmill.files import read_json, replacing_directory, write_json

TRAIN = "data/corpus/train"


def main(stage: Stage) -> None:
    """Write what the params ask for, and measure before and after."""
    from textmill.corpus.shards import count_rows
    from textmill.evaluation.bias.mitigation import mitigate_corpus

    settings = stage.params(Mitigate)
    total = 2 * count_rows(TRAIN) if settings.changes_corpus else 0
    with replacing_directory("data/mitigation") as folder, stage.progress(total) as progress:
        report = mitigate_corpus(TRAIN, folder, settings, stage.seed, progress.advance)
    report["tasks"] = read_json("data/task_weights/tasks.json")
    report["confidence"] = settings.confidence
    report["word_vectors"] = []
    if settings.word_vectors and settings.changes_corpus:
        from textmill.evaluation.bias.word_vectors import before_and_after

        vectors = stage.params(Embeddings, "embeddings")
        report["word_vectors"] = before_and_after(TRAIN, "data/mitigation", vectors, stage.seed, stage.say)
    write_json("reports/mitigation.json", report)
    if report["corpus"]:
        stage.say(f"{report['corpus']['copies']:,} copies, {report['corpus']['weighed']:,} weights")
    if not report["corpus"]:
        stage.say("off (no mitigation is asked for)")


if __name__ == "__main__":
    run(main, "mitigate")
