"""Hugging Face layout in float32: what transformers, vLLM and most other tools load."""

from __future__ import annotations

from pathlib import Path

from textmill.modeling.exports.subject import HEADS, Subject


def write(subject: Subject, target: Path) -> None:
    """Write config, weights and tokenizer."""
    subject.model.save_pretrained(target, safe_serialization=True)
    subject.tokenizer.save_pretrained(target)


def difference(subject: Subject, target: Path) -> float:
    """The largest difference between a logit of the model and of what transformers loads from `target`."""
    import transformers

    auto = getattr(transformers, f"AutoModelFor{HEADS[subject.kind]}")
    again = auto.from_pretrained(target, local_files_only=True, use_safetensors=True).eval()
    inputs = subject.probe()
    return float((subject.logits(inputs) - subject.logits(inputs, again)).abs().max())
