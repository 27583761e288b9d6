"""Stage bias: how groups of people appear in the corpus, and whether the filters treat them alike.

Reads data/clean, data/corpus, data/ledger and data/tasks; writes reports/bias.json.
"""

from pipelines._stage import Stage, run
from textmill.config.bias import Bias
from textmill.evaluation.bias.measure import measure_bias
from textmill.files import write_json


def main(stage: Stage) -> None:
    """Measure representation, association and kept-rate parity of groups, and label balance of the tasks."""
    settings = stage.params(Bias)
    with stage.progress() as progress:
        report = measure_bias(
            "data/clean",
            "data/corpus",
            "data/ledger/ledger.parquet",
            settings,
            progress.advance,
            "data/tasks",
        )
    write_json("reports/bias.json", report)
    stage.say(f"{len(report['warnings'])} warnings")
    for warning in report["warnings"]:
        stage.say(warning["message"])


if __name__ == "__main__":
    run(main, "bias")
