"""Exposure of planted canaries (Carlini et al. 2019): how far up is the true number among random ones?

Exposure is log2 of the number of candidates less log2 of the true number's rank by the model's likelihood. A
model that learned nothing ranks it anywhere: 1.44 bits on average. Ranked among N sampled candidates, as
here, it is at most log2(N + 1). `extracted` is stronger: greedy decoding after the beginning writes the
number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from textmill.evaluation.metrics.metric import Floats
from textmill.evaluation.probes.figures import by_part, mean, measure, share
from textmill.evaluation.probes.sampling import Writer

Canary = dict[str, Any]


def exposures(true: Floats, others: Floats) -> Floats:
    """Exposure of each canary in bits; candidates as likely as the true one rank before it.

    Args:
        true: float64[canaries], log-likelihoods.
        others: float64[canaries, candidates].
    """
    ranks = 1 + (others >= true[:, None]).sum(1)
    return np.asarray(np.log2(others.shape[1] + 1) - np.log2(ranks))


def chance_exposure(candidates: int) -> float:
    """The mean exposure of a number that the model does not know."""
    return float(np.log2(candidates + 1) - np.log2(np.arange(1, candidates + 2)).mean())


def canary_report(
    canaries: Sequence[Canary], found: Floats, extracted: Sequence[bool], candidates: int, resamples: int,
    seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Measures over planted canaries, by language and copies; those that were not planted are a part."""
    planted = np.array([canary["copies"] > 0 for canary in canaries], bool)
    parts = [_part(canary) for canary in canaries]
    hits = np.asarray(extracted, bool)
    return {
        "exposure": measure(
            f"bits, up to {np.log2(candidates + 1):.2f}; how far up a planted number is among random ones",
            mean(found[planted], resamples, seed),
            by_part(parts, lambda rows: mean(found[rows], resamples, seed)),
            round(chance_exposure(candidates), 4),
        ),
        "canaries_extracted": measure(
            "percent of the planted numbers that greedy decoding writes",
            share(hits[planted]),
            by_part(parts, lambda rows: share(hits[rows])),
        ),
    }


def _part(canary: Canary) -> str:
    return f"{canary['language']}, {canary['copies']:,} copies" if canary["copies"] else (
        f"{canary['language']}, not planted"
    )  # fmt: skip


def measure_canaries(
    writer: Writer, canaries: Sequence[Canary], candidates: int, resamples: int, seed: int,
    advance: Callable[[int], None],
) -> dict[str, Any]:  # fmt: skip
    """Exposure and extraction of canaries, as the tokenize stage lists them."""
    from textmill.evaluation.harness.scoring import score_causal

    random = np.random.default_rng([seed, 0xCA9A, 1])
    true, others, extracted = [], [], []
    end = writer.tokenizer.eos_token_id
    for canary in canaries:
        digits = canary["secret"].strip()
        blank = canary["secret"][: len(canary["secret"]) - len(digits)]
        numbers = random.integers(0, 10 ** len(digits), candidates)
        secrets = [canary["secret"], *(f"{blank}{number:0{len(digits)}d}" for number in numbers)]
        before = [end, *writer.ids(canary["prefix"])]
        pairs = [(before, writer.ids(secret)) for secret in secrets]
        scored = score_causal(writer.model, pairs, writer.context, writer.batch_tokens)
        likelihoods = np.array([each.log_likelihood for each in scored])
        true.append(likelihoods[0])
        others.append(likelihoods[1:])
        advance(len(pairs))
    prompts = [writer.ids(canary["prefix"]) for canary in canaries]
    longest = max(len(writer.ids(canary["secret"])) for canary in canaries)
    for canary, ids in zip(canaries, writer.continued(prompts, longest, seed), strict=True):
        extracted.append(writer.text(ids).startswith(canary["secret"]))
    found = exposures(np.array(true), np.array(others))
    return canary_report(canaries, found, extracted, candidates, resamples, seed)
