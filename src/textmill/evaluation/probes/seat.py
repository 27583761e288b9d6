"""WEAT on a model's word embeddings (Caliskan et al. 2017) and SEAT on its sentences (May et al. 2019).

A word is the mean of the input embeddings of its tokens, or, on the level of sentences, the mean over short
sentences that say no more than the word. A sentence is the last layer's mean over its tokens for an encoder,
its last token for a decoder. Unlike in the paper a word is one item, not one per sentence: sentences around
one word are not independent, and p of a permutation test over them would be too small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from textmill.config.probe import Seat
from textmill.errors import UserError
from textmill.evaluation.batches import batches_by_length
from textmill.evaluation.bias.intervals import benjamini_hochberg
from textmill.evaluation.bias.weat import weat
from textmill.evaluation.bias.wordsets import WordTest, own_tests, standard_tests
from textmill.evaluation.embeddings.vectors import Vectors, unit_length
from textmill.evaluation.loading import load_model, load_tokenizer, pretrained_kind
from textmill.progress import Progress

TEMPLATES = {
    "en": ("This is {}.", "That is {}.", "Here is {}."),
    "zh": ("这是{}。", "那是{}。", "这里是{}。"),
}
CONFIDENCE = 0.95


def seat_report(
    tests: Sequence[tuple[str, WordTest]], vectors: dict[str, Vectors], params: Seat, seed: int
) -> list[dict[str, Any]]:
    """A row per test: effect size with interval over words, p, and p adjusted over all rows.

    Args:
        tests: languages and tests.
        vectors: by language, of all words of its tests.
    """
    rows = []
    for language, test in tests:
        sets = (test.x, test.y, test.a, test.b)
        found = weat(
            *(vectors[language].of(words) for _, words in sets),
            draws=params.permutations,
            resamples=params.resamples,
            seed=seed,
            confidence=CONFIDENCE,
        )
        names = {key: name for key, (name, _) in zip("xyab", sets, strict=True)}
        counts = [len(words) for _, words in sets]
        rows.append(
            {"language": language, "axis": test.axis, "name": test.name, **names, "words": counts, **found}
        )
    for row, p in zip(rows, benjamini_hochberg([row["p"] for row in rows]), strict=True):
        row["p_adjusted"] = float(f"{p:.4g}")
    return rows


def word_embeddings(directory: str, words: Sequence[str], threads: int) -> Vectors:
    """Means of the input embeddings of each word's tokens, length one."""
    tokenizer = load_tokenizer(directory)
    model = _model(directory, threads)
    table = model.get_input_embeddings().weight.detach().double().numpy()
    # A word inside of a text begins with its space.
    rows = [table[tokenizer(_spaced(word), add_special_tokens=False)["input_ids"]].mean(0) for word in words]
    return unit_length(list(words), np.array(rows))


def sentence_embeddings(
    directory: str,
    words: Sequence[str],
    language: str,
    threads: int,
    batch_tokens: int,
    advance: Callable[[int], None] = lambda rows: None,
) -> Vectors:
    """Means over the language's templates of what the last layer makes of them, length one."""
    import torch

    tokenizer = load_tokenizer(directory)
    model = _model(directory, threads)
    decoder = pretrained_kind(directory) == "decoder"
    templates = TEMPLATES[language]
    texts = [template.format(word) for word in words for template in templates]
    encoded = [tokenizer(text, add_special_tokens=not decoder)["input_ids"] for text in texts]
    if decoder:
        encoded = [[tokenizer.eos_token_id, *ids] for ids in encoded]
    found = np.zeros((len(texts), model.config.hidden_size))
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    for rows in batches_by_length([len(ids) for ids in encoded], batch_tokens):
        lengths = torch.tensor([len(encoded[row]) for row in rows])
        inputs = torch.full((len(rows), int(lengths.max())), pad, dtype=torch.long)
        for line, row in enumerate(rows):
            inputs[line, : len(encoded[row])] = torch.tensor(encoded[row])
        attended = torch.arange(inputs.shape[1]) < lengths[:, None]
        with torch.inference_mode():
            hidden = model.base_model(input_ids=inputs, attention_mask=attended.long()).last_hidden_state
        if decoder:
            chosen = hidden[range(len(rows)), lengths - 1]
        else:
            chosen = (hidden * attended[..., None]).sum(1) / lengths[:, None]
        found[rows] = chosen.double().numpy()
        advance(len(rows))
    each = unit_length([str(row) for row in range(len(texts))], found).matrix.astype(np.float64)
    return unit_length(list(words), each.reshape(len(words), len(templates), -1).mean(1))


def probe(params: Seat, seed: int, progress: Progress) -> dict[str, Any]:
    """Run the tests on the model of the params."""
    tests = [(language, test) for language in params.languages for test in own_tests(language)]
    if params.standard_sets and "en" in params.languages:
        tests += [("en", test) for test in standard_tests(params.artifact)]
    vectors: dict[str, Vectors] = {}
    for language in params.languages:
        words = sorted({word for name, test in tests if name == language for word in test.words})
        vectors[language] = (
            word_embeddings(params.model, words, params.threads)
            if params.level == "words"
            else sentence_embeddings(
                params.model, words, language, params.threads, params.batch_tokens, progress.advance
            )
        )
    rows = seat_report(tests, vectors, params, seed)
    return {
        "method": {"words": "WEAT on input embeddings", "sentences": "SEAT on the last layer"}[params.level],
        "n": len(rows),
        "tests": rows,
    }


def _model(directory: str, threads: int) -> Any:
    kind = pretrained_kind(directory)
    if kind == "seq2seq":
        raise UserError(f"{directory}: expected a decoder or an encoder, found an encoder-decoder.")
    return load_model(directory, "CausalLM" if kind == "decoder" else "MaskedLM", threads)


def _spaced(word: str) -> str:
    return f" {word}" if word.isascii() else word
