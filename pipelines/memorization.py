"""memorization@NAME: which training text a decoder gives away, and how far its canaries are exposed."""

from __future__ import annotations

from pathlib import Path

from pipelines._stage import Stage, run


def main(stage: Stage) -> None:
    """Let the model of `memorization.NAME` write, and write reports/probes/NAME.json."""
    from textmill.config.memorization import Memorization
    from textmill.evaluation.probes.memorization import probe
    from textmill.files import read_json, write_json

    params = stage.params(Memorization)
    listed = Path("data/tokens/canaries.json")
    canaries = read_json(listed) if listed.is_file() else []
    with stage.progress(unit="texts") as progress:
        found = probe(params, stage.seed, "data/corpus", canaries, progress)
    about = {"name": stage.item, "model": params.model, "probe": "memorization", "license": params.license}
    write_json(Path("reports/probes") / f"{stage.item}.json", about | found)
    for name, each in found["measures"].items():
        row = each["overall"]
        if row["n"]:
            stage.say(f"{name}: {row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}], n {row['n']:,}")


if __name__ == "__main__":
    run(main, "memorization", "model")
