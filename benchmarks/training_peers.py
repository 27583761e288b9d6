"""Training steps of ours and of its peers on the same random tokens, for `benchmarks.processes.compared`.

The reference of design §8: six layers of width 256, context 256, vocabulary 8,192, 16 rows a step, about 45.6
MFLOP a token. Every function prepares in a fresh process, takes `WARM` steps, and returns a function that
takes `STEPS` more; compilation is therefore no part of what is measured.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

THREADS = int(os.environ.get("TEXTMILL_BENCH_THREADS", "2"))
LAYERS, WIDTH, HEADS, CONTEXT, VOCABULARY, ROWS = 6, 256, 4, 256, 8192, 16
WARM, STEPS = 2, int(os.environ.get("TEXTMILL_BENCH_STEPS", "10"))
TOKENS = ROWS * CONTEXT * STEPS
INNER = {"decoder": 688, "encoder": 688, "seq2seq": 1024}
"""Inner widths at which a layer multiplies as much as a GPT-2 layer of four times 256."""


def _quiet() -> None:
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", DO_NOT_TRACK="true")
    os.environ.setdefault(
        "TORCHINDUCTOR_CACHE_DIR", str(Path(tempfile.gettempdir()) / "textmill-bench-compiled")
    )


def ours(architecture: str, compiles: bool = False) -> Callable[[], float]:
    """`textmill.training.loop.fit` as the pretrain stage calls it, AdamW as the peers have it."""
    _quiet()
    from textmill.modeling.architectures import Shape, build
    from textmill.progress import Progress
    from textmill.training.checkpoints import Checkpoints
    from textmill.training.device import lightened, prepare
    from textmill.training.events import Spool
    from textmill.training.loop import Plan, fit
    from textmill.training.optimizers import adamw
    from textmill.training.pretraining import Exercise, Pretraining

    prepare(THREADS, 1)
    shape = Shape(LAYERS, WIDTH, HEADS, INNER[architecture], CONTEXT, VOCABULARY)
    model = lightened(build(architecture, shape), "cpu", compiles, False)
    folder = Path(tempfile.mkdtemp(prefix="textmill-train-"))
    exercise = Exercise(
        architecture=architecture, context=CONTEXT, batch=ROWS, precision="bf16", seed=1, mask_rate=0.15,
        noise_density=0.15, mean_span=3.0, first_line=0.0, rebuild=0.0, document_attention=False,
    )  # fmt: skip
    asked = Pretraining(model, exercise, _shards(folder), str(folder))
    optimizers = adamw(model, 6e-4, 0.1)

    def steps(number: int) -> float:
        plan = Plan(
            steps=number, batch=ROWS, seed=1, learning_rate=6e-4, warmup=0.0, decay=0.0, clip=1.0,
            log_every=10, validate_every=number, checkpoint_seconds=1e9,
        )  # fmt: skip
        rooms = Checkpoints("bench", "key", folder), Spool("bench", directory=folder), Progress("bench")
        return fit(model, asked.batch, lambda: {"loss": 0.0}, optimizers, plan, *rooms).loss

    steps(WARM)
    return lambda: steps(STEPS)


def _shards(folder: Path) -> Any:
    import numpy as np

    from textmill.tokenization.packing import open_shards, write_shard

    ids = _random_ids(64 * (CONTEXT + 1) * ROWS)
    bounds = np.arange(0, len(ids) + 1, 512)
    bounds[-1] = len(ids)
    write_shard(folder / "part-00000.bin", ids.astype(np.uint16), bounds)
    return open_shards(folder)


def _random_ids(number: int) -> Any:
    """Tokens without the special ones at the beginning of the vocabulary, int64 (number,)."""
    import numpy as np

    return np.random.default_rng(1).integers(300, VOCABULARY, number)


def trainer(architecture: str, tuned: bool) -> Callable[[], float]:
    """transformers' Trainer on the very same model class, with its defaults or tuned as far as it goes.

    Tuned: the allocator, bf16, torch.compile of the whole model, fused AdamW and explicit attention.
    """
    _quiet()
    import torch
    from transformers import Trainer, TrainingArguments

    from textmill.allocator import tune_allocator
    from textmill.modeling.architectures import Shape, build

    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    shape = Shape(LAYERS, WIDTH, HEADS, INNER[architecture], CONTEXT, VOCABULARY)
    model = build(architecture, shape)
    if not tuned and architecture != "seq2seq":
        model.set_attn_implementation("sdpa")
    settings: dict[str, Any] = {}
    if tuned:
        tune_allocator()
        settings = {"bf16": True, "torch_compile": True, "optim": "adamw_torch_fused"}
    arguments = TrainingArguments(
        output_dir=tempfile.mkdtemp(prefix="textmill-trainer-"), use_cpu=True, report_to=[],
        per_device_train_batch_size=ROWS, max_steps=WARM, save_strategy="no", logging_strategy="no",
        disable_tqdm=True, learning_rate=6e-4, weight_decay=0.1, dataloader_pin_memory=False, **settings,
    )  # fmt: skip
    rows, collate = _rows(architecture)
    run = Trainer(model=model, args=arguments, train_dataset=rows, data_collator=collate)
    run.train()
    arguments.max_steps = STEPS
    return lambda: run.train().training_loss


def _rows(architecture: str) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """Packed rows, and the collator that makes an exercise of them as transformers' own do."""
    import numpy as np
    import torch

    from textmill.training.corruption import corrupt_spans, mask_tokens
    from textmill.training.randomness import generator

    rows = list(_random_ids(64 * CONTEXT * ROWS).reshape(-1, CONTEXT))
    drawn = iter(range(10**9))

    def collate(chosen: list[Any]) -> Any:
        ids = np.stack(chosen)
        if architecture == "decoder":
            labels = ids
        elif architecture == "encoder":
            ids, labels = mask_tokens(ids, generator(1, next(drawn)), 0.15, VOCABULARY)
        else:
            ids, labels = corrupt_spans(ids, generator(1, next(drawn)), 0.15, 3.0)
        return {"input_ids": torch.from_numpy(ids), "labels": torch.from_numpy(labels)}

    return rows, collate


def nanogpt(tuned: bool) -> Callable[[], float]:
    """A minimal GPT-2 and loop after the README of nanoGPT (no code of it): bf16, compile, fused AdamW.

    Tuned: the allocator, and attention written out instead of the fused kernel.
    """
    _quiet()
    import torch

    from benchmarks.minimal_gpt import GPT
    from textmill.allocator import tune_allocator

    if tuned:
        tune_allocator()
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    model = GPT(LAYERS, WIDTH, HEADS, CONTEXT, VOCABULARY, explicit=tuned)
    compiled: Any = torch.compile(model)
    decays = [weight for weight in model.parameters() if weight.ndim > 1]
    others = [weight for weight in model.parameters() if weight.ndim == 1]
    groups = [{"params": decays, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=6e-4, betas=(0.9, 0.95), fused=True)
    ids = torch.from_numpy(_random_ids(1 << 20))

    def steps(number: int) -> float:
        for _ in range(number):
            starts = torch.randint(len(ids) - CONTEXT - 1, (ROWS,))
            rows = torch.stack([ids[start : start + CONTEXT + 1] for start in starts.tolist()])
            with torch.autocast("cpu", torch.bfloat16):
                loss = compiled(rows[:, :-1], rows[:, 1:])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    steps(WARM)
    return lambda: steps(STEPS)


def compared_rows(
    claims: dict[str, tuple[str, float]], works: dict[str, Any], rounds: int = 2
) -> list[tuple[str, str, str, str]]:
    """Rows of RESULTS.md: how many times the tokens per CPU second of each peer the first of `works` has.

    Args:
        claims: by the name of a peer, what is claimed and the goal.
        works: see `benchmarks.processes.compared`; ours first.
        rounds: of all works, in turn.
    """
    from benchmarks.processes import compared

    costs = compared(works, rounds)
    ours_name = next(iter(works))
    ours_rate = TOKENS / costs[ours_name].cpu
    rows = []
    for peer, (claim, goal) in claims.items():
        rate = TOKENS / costs[peer].cpu
        ratio = ours_rate / rate
        measured = f"{ratio:.2f}× ({ours_rate:,.0f} against {rate:,.0f} tokens per CPU second)"
        rows.append((claim, f"≥ {goal:g}×" if goal else "reported", measured, _met(ratio, goal)))
    return rows


def _met(ratio: float, goal: float) -> str:
    if not goal:
        return "–"
    return "yes" if ratio >= goal else "no"
