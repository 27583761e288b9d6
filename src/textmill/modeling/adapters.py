"""Which weights of a model are trained: all, low-rank adapters (LoRA), or the last layer alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textmill.config.finetune import Lora
from textmill.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

HEADS = ("classifier", "score", "classification_head.out_proj", "qa_outputs")
"""Names of the last layer of a classifier, in transformers' model classes."""


def adapt(model: PreTrainedModel, tuning: str, lora: Lora) -> Callable[[], Any]:
    """Make `model` train what `tuning` says, in place.

    Args:
        model: a model with its weights.
        tuning: ``full``; ``lora``: products of two thin matrices are added to the linear layers (Hu et al.
            2021, by peft), while all but a classifier's head stays; ``probe``: a classifier's last layer.
        lora: rank, scale, dropout and layers for ``lora``.

    Returns:
        A function that gives the plain model after training, with adapters merged into its weights.

    Raises:
        UserError: peft is missing, no layer has the names asked for, or a probe has no head to train.
    """
    if tuning == "lora":
        return _with_adapters(model, lora)
    if tuning == "probe":
        _freeze_all_but_head(model)
    return lambda: model


def _with_adapters(model: PreTrainedModel, lora: Lora) -> Callable[[], Any]:
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError:
        raise UserError(
            "finetune: tuning: lora needs the package peft: pip install 'textmill[adapters]'"
        ) from None
    _check_layers(model, lora.layers)
    heads = [name for name, _ in model.named_modules() if name in HEADS]
    wrapped = get_peft_model(
        model,
        LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=list(lora.layers) or "all-linear",
            exclude_modules=heads or None,
        ),
    )
    for head in heads:
        model.get_submodule(head).requires_grad_(True)
    return wrapped.merge_and_unload


def _check_layers(model: PreTrainedModel, wanted: tuple[str, ...]) -> None:
    import torch

    known = {
        name.rsplit(".", 1)[-1]
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Linear) and name not in HEADS
    }
    for name in wanted:
        if name not in known:
            raise UserError(
                f"finetune: lora.layers: {name}: expected names of linear layers: {', '.join(sorted(known))}."
            )


def _freeze_all_but_head(model: PreTrainedModel) -> None:
    head = next((name for name in HEADS if name in dict(model.named_modules())), None)
    if head is None:
        raise UserError("finetune: tuning: probe trains the last layer of a classifier; this model has none.")
    model.requires_grad_(False)
    model.get_submodule(head).requires_grad_(True)
