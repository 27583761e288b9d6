"""Compare a candidate decoder with the champion on the validation documents of this run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from textmill.config.evaluate_lm import EvaluateLm
from textmill.errors import UserError
from textmill.registry.evidence import AgainstChampion

VALIDATION = Path("data/tokens/validation")
MOST_TOKENS = 30_000


def compare_decoders(
    metric: str, version: str, root: Path, candidate: Path, champion: Path, settings: EvaluateLm, seed: int
) -> AgainstChampion:
    """Paired bootstrap over documents of two decoders, both measured now.

    No predictions are kept of a language model, and its documents change with the corpus, so both models
    read the same draw of at most 30,000 tokens. Tokens are those of the candidate's tokenizer; a
    champion with another one reads the same text in its own tokens, and bits per byte stay comparable.

    Args:
        metric: `bits_per_byte`; `loss` or `perplexity` if both have the same tokenizer.
        version: the champion's version, for the record.
        root: the repository.
        candidate: the candidate's Hugging Face directory.
        champion: the champion's.
        settings: context, stride and batch as the evaluation used them.
        seed: of the draw and the resamples.

    Raises:
        UserError: the metric is unknown, or is per token while the tokenizers differ.
    """
    import numpy as np

    from textmill.evaluation import language_model as lm
    from textmill.evaluation.loading import load_tokenizer
    from textmill.evaluation.significance import bootstrap
    from textmill.evaluation.token_documents import draw_documents, read_documents, token_bytes

    measure = next((item for item in lm.language_model_metrics() if item.name == metric), None)
    same = _tokenizer(candidate) == _tokenizer(champion)
    if measure is None or not (same or metric == "bits_per_byte"):
        reason = "unknown for a decoder" if measure is None else "per token, and the tokenizers differ"
        raise UserError(f"params.yaml: gates: champion.metric: {metric} is {reason}; use bits_per_byte.")
    tokenizer = load_tokenizer(candidate)
    limit = min(settings.max_tokens, MOST_TOKENS)
    documents = draw_documents(read_documents(root / VALIDATION), limit, seed)
    size = lm.document_sums(token_bytes(tokenizer)[documents.tokens], documents)
    theirs = documents if same else _retokenized(documents, tokenizer, load_tokenizer(champion))
    statistics = {
        name: [np.column_stack([_losses(directory, read, settings), read.lengths.astype(np.float64), size])]
        for name, directory, read in (("candidate", candidate, documents), ("champion", champion, theirs))
    }
    found = bootstrap([measure], statistics, settings.resamples, seed)[0].compare("candidate", "champion")
    method = f"paired bootstrap, both measured on {len(documents)} documents"
    return AgainstChampion(version, metric, found.difference, found.low, found.high, found.verdict, method)


def _tokenizer(directory: Path) -> bytes:
    return (directory / "tokenizer.json").read_bytes()


def _retokenized(documents: Any, tokenizer: Any, other: Any) -> Any:
    """The same documents in the tokens of `other`, each ending with its end-of-document token."""
    import numpy as np

    texts = [tokenizer.decode(ids[:-1].tolist(), clean_up_tokenization_spaces=False) for ids in documents]
    encoded = other(texts, add_special_tokens=False, return_attention_mask=False)["input_ids"]
    ends = [np.asarray([*ids, other.eos_token_id]) for ids in encoded]
    starts = np.cumsum([0, *map(len, ends)]).astype(np.uint64)
    return replace(documents, tokens=np.concatenate(ends), starts=starts)


def _losses(directory: Path, documents: Any, settings: EvaluateLm) -> Any:
    from textmill.evaluation import language_model as lm
    from textmill.evaluation.loading import input_limit, load_model, load_tokenizer

    model = load_model(directory, "CausalLM", settings.threads)
    tokenizer = load_tokenizer(directory)
    context = input_limit(model, tokenizer, settings.context)
    boundary = tokenizer.eos_token_id
    return lm.decoder_losses(model, documents, boundary, context, settings.stride, settings.batch_tokens)
