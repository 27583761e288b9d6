"""Generation on a CPU beside transformers' `generate`, int8 by CTranslate2, and what exports keep."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TITLE = "Generation and exports"
NOTE = """\
Random weights in the shapes of the default run's models (2 layers, 128 wide, 8,192 tokens) and of the
6-layer reference (256 wide), prompts of 32 tokens, outputs of 64 (reference: 128) and no end token, so that
both write the same number; a token that differs stops the benchmark. One thread each, fp32, alternating,
medians of three, CPU seconds of the process, because other work shared the cores and their caches. Models
that were trained end earlier and at different lengths, where `generate` goes on computing rows that have
ended and the lean loop drops them: the test sets say what that is worth. With many rows both spend their
time in the same fp32 products, which bounds the ratio: the lean loop saves what is around them, the sorting
of scores and the moving of caches.
"""
MODELS = Path("models/tasks")


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Claim, goal, measured, met."""
    import torch

    from textmill.allocator import tune_allocator

    tune_allocator()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for name, model, new in _models():
        for batch, beams in ((1, 1), (16, 1), (64, 1), (1, 4), (16, 4)):
            if new > 64 and batch * beams >= 64:
                continue
            yield _against_generate(name, model, batch, beams, new)
    if MODELS.is_dir():
        yield from _real()
    yield from _exports()


def _models() -> Iterator[tuple[str, Any, int]]:
    from textmill.modeling.architectures import Shape, build

    def made(kind: Any, layers: int, hidden: int, heads: int, wide: int) -> Any:
        import torch

        model = build(kind, Shape(layers, hidden, heads, wide, 512, 8192)).eval()
        model.generation_config.eos_token_id = None
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if "norm" not in name:
                    weight.normal_(0, 0.05 if kind == "decoder" else 0.5)
        return model

    yield "decoder", made("decoder", 2, 128, 2, 320), 64
    yield "encoder-decoder", made("seq2seq", 2, 128, 2, 512), 64
    yield "reference decoder", made("decoder", 6, 256, 4, 684), 128


def _against_generate(name: str, model: Any, batch: int, beams: int, new: int) -> tuple[str, str, str, str]:
    import torch

    from textmill.modeling.decoding import Decoding, Generator

    inputs = torch.randint(64, 8192, (batch, 32), generator=torch.Generator().manual_seed(batch))
    mask, lists = torch.ones_like(inputs), inputs.tolist()
    skipped = 1 if model.config.is_encoder_decoder else 32
    lean, settings = Generator(model), Decoding(max_new_tokens=new, beams=beams)

    def theirs() -> list[list[int]]:
        with torch.inference_mode():
            found = model.generate(
                input_ids=inputs, attention_mask=mask, num_beams=beams, do_sample=False, max_new_tokens=new
            )
        return found[:, skipped:].tolist()

    def ours() -> list[list[int]]:
        return [best[0] for best in lean(lists, settings)]

    if ours() != theirs():
        raise AssertionError(f"{name}, batch {batch}, beam {beams}: the tokens differ")
    spent: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(3):
        spent["ours"].append(_seconds(ours))
        spent["theirs"].append(_seconds(theirs))
    ours_s, theirs_s = (statistics.median(spent[key]) for key in ("ours", "theirs"))
    how = f"beam {beams}" if beams > 1 else "greedy"
    tokens = batch * new
    return (
        f"{name}, {how}, batch {batch}, against `generate`",
        "≥ 3×",
        f"{theirs_s / ours_s:.2f}× ({tokens / ours_s:,.0f} against {tokens / theirs_s:,.0f} tokens/s)",
        "yes" if theirs_s / ours_s >= 3 else "no",
    )


def _seconds(function: Callable[[], Any]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def _real() -> Iterator[tuple[str, str, str, str]]:
    """The default run's models on their test sets: the same texts, and what 8 bits lose."""
    import pyarrow.parquet as pq

    from textmill.evaluation.generation import generate
    from textmill.evaluation.metrics.choose import choose_metrics

    for task, new, language, name in (
        ("translation", 96, "zh", "bleu"), ("summarization", 48, "en", "rougeL"),
    ):  # fmt: skip
        table = pq.read_table(Path("data/tasks") / task / "test.parquet")
        inputs, targets = table["input"].to_pylist(), table["target"].to_pylist()
        metric = choose_metrics([name], "generation", [], language)[0]
        common = {"beams": 4, "max_new_tokens": new}
        texts, seconds = {}, {}
        for decoding in ("torch", "ctranslate2"):
            start = time.process_time()
            texts[decoding] = generate(MODELS / task, inputs, decoding=decoding, **common)
            seconds[decoding] = time.process_time() - start
        start = time.process_time()
        expected = _by_transformers(MODELS / task, inputs, new)
        theirs = time.process_time() - start
        same = sum(one == other for one, other in zip(texts["torch"], expected, strict=True))
        score = {
            key: float(metric.score(metric.statistics(value, targets).sum(0))) for key, value in texts.items()
        }
        lost = score["torch"] - score["ctranslate2"]
        yield (
            f"{task} test set, beam 4, loading included: outputs equal to `generate`'s", "all",
            f"{same} of {len(inputs)}; {theirs / seconds['torch']:.2f}× as fast",
            "yes" if same == len(inputs) else "no",
        )  # fmt: skip
        yield (
            f"{task}: {name} lost by CTranslate2 int8", "≤ 0.3",
            f"{lost:+.2f} ({score['torch']:.2f} to {score['ctranslate2']:.2f}); "
            f"{theirs / seconds['ctranslate2']:.1f}× as fast as `generate`",
            "yes" if lost <= 0.3 else "no",
        )  # fmt: skip


def _by_transformers(directory: Path, inputs: list[str], new: int) -> list[str]:
    """What the evaluation did before it had a loop of its own, its batches included."""
    import torch

    from textmill.evaluation.batches import batches_by_length
    from textmill.evaluation.loading import load_model, load_tokenizer

    tokenizer, model = load_tokenizer(directory), load_model(directory, "Seq2SeqLM", 1)
    encoded = tokenizer(inputs, truncation=True, max_length=512)["input_ids"]
    outputs = [""] * len(inputs)
    for rows in batches_by_length([len(ids) for ids in encoded], 1024):
        batch = tokenizer.pad({"input_ids": [encoded[row] for row in rows]}, return_tensors="pt")
        ids, mask = batch["input_ids"], batch["attention_mask"]
        with torch.inference_mode():
            found = model.generate(
                input_ids=ids, attention_mask=mask, num_beams=4, do_sample=False, max_new_tokens=new
            )
        for row, text in zip(rows, tokenizer.batch_decode(found, skip_special_tokens=True), strict=True):
            outputs[row] = text.strip()
    return outputs


def _exports() -> Iterator[tuple[str, str, str, str]]:
    from tests.evaluation.conftest import make_tokenizer, save
    from textmill.modeling.exports import export

    tokenizer = make_tokenizer(add_eos=False)
    with tempfile.TemporaryDirectory() as scratch:
        for name, model, _ in list(_models())[:2]:
            source = save(model, tokenizer, Path(scratch) / name)
            formats = ("safetensors", "onnx", "ctranslate2", *(["gguf"] if name == "decoder" else []))
            for to in formats:
                done = export(source, to, Path(scratch) / f"{name}-{to}")
                yield (
                    f"{name} as {to}: largest difference of a logit", "≤ 1e-4", f"{done.difference:.1e}",
                    "yes" if done.difference <= 1e-4 else "no",
                )  # fmt: skip
