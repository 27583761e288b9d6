"""Stage validate: what must hold of the data before anything is trained on it.

Reads data/corpus, data/signals, data/tasks and the profile of the corpus accepted last; writes
reports/validation.json, reports/profile.json, data/gates/documents.json, and the pages of Great Expectations
to .textmill/data_docs.
"""

from pathlib import Path

from pipelines._stage import Stage, run
from textmill.config.validate import Validate
from textmill.corpus.validation.accept import KEPT, KEPT_PROFILE, PROFILE, REPORT, accepted_profile
from textmill.corpus.validation.drift import drift, largest
from textmill.corpus.validation.expectations import check_expectations, failure_message
from textmill.corpus.validation.frames import StatsFrames
from textmill.corpus.validation.profile import profile
from textmill.errors import UserError
from textmill.files import write_json

DATA_DOCS = ".textmill/data_docs"


def main(stage: Stage) -> None:
    """Check the expectations of params.yaml; fail when one does not hold."""
    settings = stage.params(Validate)
    frames = StatsFrames("data/corpus", "data/signals", "data/tasks")
    current, accepted = profile(frames), accepted_profile(settings.accepted)
    moved = None if accepted is None else drift(accepted, current)
    if moved is not None:
        frames.add("drift", moved)
    report = check_expectations(settings.expectations, frames, DATA_DOCS)
    report["drift"] = None if moved is None else moved.to_pylist()
    write_json(REPORT, report)
    write_json(PROFILE, current)
    if not report["passed"]:
        # The outs of a failed stage are not kept; these copies are what the user can look at and accept.
        write_json(KEPT, report)
        write_json(KEPT_PROFILE, current)
        raise UserError(
            f"{failure_message(report)} {largest(moved)}The whole report is in {KEPT}, pages to look at in "
            f"{DATA_DOCS}/index.html. Correct the data, or the expectation in params.yaml under "
            "validate.expectations; a drift that is meant is accepted with `textmill accept --drifted`."
        )
    for kept in (KEPT, KEPT_PROFILE):
        Path(kept).unlink(missing_ok=True)
    # What is trained depends on this file alone: neither the wording of an expectation nor a figure that
    # still passes, nor the corpus that was accepted, is a reason to train anew.
    write_json("data/gates/documents.json", {"passed": True})
    skipped = sum(entry.get("skipped", False) for entry in report["expectations"])
    held = f"{len(report['expectations']) - skipped} expectations hold"
    stage.say(f"{held}; {skipped} of drift not checked: no corpus is accepted yet" if skipped else held)


if __name__ == "__main__":
    run(main, "validate")
