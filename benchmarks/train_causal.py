"""Causal pretraining beside transformers' Trainer and a loop in the manner of nanoGPT."""

from __future__ import annotations

from benchmarks.training_peers import compared_rows, nanogpt, ours, trainer

TITLE = "Causal language modelling, speed"
NOTE = """\
Six layers of width 256, context 256, vocabulary 8,192, 16 rows a step, random tokens, AdamW and bf16 \
for all but the Trainer's defaults (fp32). Ours and the Trainer train the same LlamaForCausalLM; the \
GPT-2 loop is a minimal one of our own with as many operations a token (benchmarks/minimal_gpt.py), not \
nanoGPT's code. Works alternate in fresh processes; compilation and two steps come before what is \
measured. Figures are per CPU second, which other work on the machine disturbs less than wall time. \
Where a CPU has avx512_bf16 and no AMX, matrix products are about seven tenths of our step, and no \
peer does fewer of them: that bounds the ratio to the tuned peers."""


def rows() -> list[tuple[str, str, str, str]]:
    """Measure: (claim, goal, measured, met)."""
    return compared_rows(
        {
            "Trainer": ("against the Trainer's defaults, same model", 4.5),
            "Trainer, tuned": ("against the best-tuned Trainer, same model", 1.25),
            "GPT-2 loop": ("against a GPT-2 loop after nanoGPT's README", 0.0),
            "GPT-2 loop, tuned": ("against that loop, tuned", 1.2),
            "plain": ("compiled layers (`compile: true`) against the default", 0.0),
        },
        {
            "ours": (ours, ("decoder", True)),
            "plain": (ours, ("decoder", False)),
            "Trainer": (trainer, ("decoder", False)),
            "Trainer, tuned": (trainer, ("decoder", True)),
            "GPT-2 loop": (nanogpt, (False,)),
            "GPT-2 loop, tuned": (nanogpt, (True,)),
        },
    )
