"""Stage validate_tokens: what must hold of the token shards before anything is trained on them.

Reads data/tokens and reports/tokenizer.json; writes reports/validation_tokens.json, data/gates/tokens.json,
and the pages of Great Expectations to .textmill/data_docs_tokens.
"""

from pipelines._stage import Stage, run
from textmill.config.validate import ValidateTokens
from textmill.corpus.validation.expectations import check_expectations, failure_message
from textmill.errors import UserError
from textmill.files import write_json
from textmill.tokenization.stats import TokenFrames

KEPT = ".textmill/validation_tokens.json"
DATA_DOCS = ".textmill/data_docs_tokens"


def main(stage: Stage) -> None:
    """Check the expectations of params.yaml on the token shards; fail when one does not hold."""
    settings = stage.params(ValidateTokens)
    frames = TokenFrames("data/tokens", "reports/tokenizer.json")
    report = check_expectations(settings.expectations, frames, DATA_DOCS, stage.name)
    write_json("reports/validation_tokens.json", report)
    if not report["passed"]:
        # The outs of a failed stage are not kept; this copy is what the user can look at.
        write_json(KEPT, report)
        raise UserError(
            f"{failure_message(report)} The whole report is in {KEPT}, pages to look at in "
            f"{DATA_DOCS}/index.html. Correct the tokens, or the expectation in params.yaml under "
            "validate_tokens.expectations."
        )
    write_json("data/gates/tokens.json", {"passed": True})
    stage.say(f"{len(report['expectations'])} expectations hold")


if __name__ == "__main__":
    run(main, "validate_tokens")
