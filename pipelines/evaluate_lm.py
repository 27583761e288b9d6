"""evaluate_lm@MODEL: judge a pretrained model on validation documents, beside a model of counts.

A decoder predicts each token, against an n-gram model of the same training text. An encoder and an
encoder-decoder predict hidden tokens, against the tokens' frequencies.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines._stage import Stage, run

SUBJECT = "pretrained"
TOKENS = Path("data/tokens")


def main(stage: Stage) -> None:
    """Score validation documents and write reports/language_models/MODEL.json."""
    from textmill.config.evaluate_lm import EvaluateLm
    from textmill.evaluation.language_report import report_language_model
    from textmill.evaluation.loading import load_tokenizer, pretrained_kind
    from textmill.evaluation.token_documents import draw_documents, read_documents
    from textmill.files import write_json

    params = stage.params(EvaluateLm, "evaluate_lm")
    directory = Path("models/pretrained") / str(stage.item)
    tokenizer = load_tokenizer(directory)
    validation = read_documents(TOKENS / "validation")
    documents = draw_documents(validation, params.max_tokens, stage.seed)
    train = read_documents(TOKENS / "train", params.baseline_tokens)
    kind = pretrained_kind(directory)
    evaluate = {"decoder": _decoder, "encoder": _hidden_tokens, "seq2seq": _hidden_tokens}[kind]
    metrics, statistics = evaluate(stage, params, directory, kind, tokenizer, train, documents)
    report = report_language_model(metrics, statistics, SUBJECT, params.resamples, stage.seed) | {
        "name": stage.item,
        "task": {"decoder": "language modeling", "encoder": "masked", "seq2seq": "denoising"}[kind],
        "kind": kind,
        "n": len(documents),
        "tokens": len(documents.tokens),
        "baseline_tokens": len(train.tokens),
    }
    write_json(Path("reports/language_models") / f"{stage.item}.json", report)
    for row in report["comparisons"]:
        stage.say(
            f"{row['metric']} {row['verdict']} against {row['against']}: "
            f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
        )


def _decoder(
    stage: Stage, params: Any, directory: Path, kind: str, tokenizer: Any, train: Any, documents: Any
) -> tuple[Any, dict[str, Any]]:
    import numpy as np

    from textmill.evaluation import language_model as lm
    from textmill.evaluation.loading import input_limit, load_model
    from textmill.evaluation.token_documents import token_bytes
    from textmill.ngram_lm import fit

    boundary = tokenizer.eos_token_id
    ngram = fit(train.tokens, train.starts, len(tokenizer), boundary, params.ngram_order)
    probabilities = ngram.probabilities(documents.tokens, documents.starts)
    baseline = lm.document_sums(-np.log(probabilities), documents)
    stage.say(f"{params.ngram_order}-gram model of {len(train.tokens):,} tokens")
    del ngram, probabilities
    model = load_model(directory, "CausalLM", params.threads)
    context = input_limit(model, tokenizer, params.context)
    with stage.progress(len(documents.tokens), "tokens") as progress:
        losses = lm.decoder_losses(
            model, documents, boundary, context, params.stride, params.batch_tokens, progress.advance
        )
    size = lm.document_sums(token_bytes(tokenizer)[documents.tokens], documents)
    given = np.stack([documents.lengths.astype(np.float64), size], axis=1)
    statistics = {SUBJECT: np.column_stack([losses, given]), "ngram": np.column_stack([baseline, given])}
    return lm.language_model_metrics(), statistics


def _hidden_tokens(
    stage: Stage, params: Any, directory: Path, kind: str, tokenizer: Any, train: Any, documents: Any
) -> tuple[Any, dict[str, Any]]:
    import numpy as np

    from textmill.evaluation.language_model import document_sums
    from textmill.evaluation.masked_model import masked_model_metrics
    from textmill.ngram_lm import fit

    guess = {"encoder": _guess_masked, "seq2seq": _guess_spans}[kind]
    hidden, losses, right = guess(stage, params, directory, tokenizer, documents)
    unigrams = fit(train.tokens, train.starts, len(tokenizer), tokenizer.eos_token_id, 1).unigrams
    targets = documents.tokens[hidden]
    guesses = {
        SUBJECT: (losses, right),
        "unigram": (-np.log(unigrams[targets]), targets == unigrams.argmax()),
    }
    statistics = {}
    for name, values in guesses.items():
        spread = np.zeros((2, len(documents.tokens)))
        spread[:, hidden] = values
        sums = [document_sums(row, documents) for row in (*spread, hidden)]
        statistics[name] = np.stack(sums, axis=1)
    return masked_model_metrics(), statistics


def _guess_masked(
    stage: Stage, params: Any, directory: Path, tokenizer: Any, documents: Any
) -> tuple[Any, Any, Any]:
    from textmill.evaluation.loading import frame, input_limit, load_model
    from textmill.evaluation.masked_model import encoder_losses, hidden_positions

    model = load_model(directory, "MaskedLM", params.threads)
    around = frame(tokenizer)
    edges = sum(map(len, around))
    context = input_limit(model, tokenizer, params.context + edges) - edges
    hidden = hidden_positions(documents, tokenizer.eos_token_id, params.mask_fraction, stage.seed)
    with stage.progress(len(documents.tokens), "tokens") as progress:
        losses, right = encoder_losses(
            model,
            documents,
            hidden,
            tokenizer.mask_token_id,
            around,
            context,
            params.batch_tokens,
            progress.advance,
        )
    return hidden, losses, right


def _guess_spans(
    stage: Stage, params: Any, directory: Path, tokenizer: Any, documents: Any
) -> tuple[Any, Any, Any]:
    from textmill.evaluation.denoising_model import hidden_spans, seq2seq_losses
    from textmill.evaluation.loading import input_limit, load_model, sentinels

    model = load_model(directory, "Seq2SeqLM", params.threads)
    extra = sentinels(tokenizer)
    is_infilling = getattr(model.config, "denoising", "") == "infilling"
    # A whole text to be rebuilt is followed by its end.
    context = input_limit(model, tokenizer, params.context + is_infilling) - is_infilling
    hidden = hidden_spans(documents, context, params.mask_fraction, params.mean_span, len(extra), stage.seed)
    with stage.progress(len(documents.tokens), "tokens") as progress:
        losses, right = seq2seq_losses(
            model,
            documents,
            hidden,
            extra,
            tokenizer.eos_token_id,
            context,
            params.batch_tokens,
            progress.advance,
            mask=tokenizer.mask_token_id if is_infilling else None,
        )
    return hidden, losses, right


if __name__ == "__main__":
    run(main, "evaluate_lm", "model")
