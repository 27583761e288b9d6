"""ONNX: one graph from token ids to logits, of any batch and length."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

from textmill.modeling.exports.extras import needed
from textmill.modeling.exports.subject import Subject

FILE = "model.onnx"
NAMES = ("input_ids", "attention_mask", "decoder_input_ids")


def write(subject: Subject, target: Path) -> None:
    """Trace the model with `torch.export` and write the graph beside the tokenizer.

    The graph reads `input_ids` and `attention_mask`, an encoder-decoder's also `decoder_input_ids`, and gives
    `logits`; it keeps no cache, so it scores texts and generates by being asked again for each token.

    Raises:
        UserError: the extra is not installed.
    """
    needed("onnxscript", "onnxruntime")
    import torch

    inputs = subject.probe()
    dynamic = torch.export.Dim.DYNAMIC
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            _logits_module(subject.model),
            inputs,
            dynamo=True,
            dynamic_shapes=tuple({0: dynamic, 1: dynamic} for _ in inputs),
            input_names=list(NAMES[: len(inputs)]),
            output_names=["logits"],
            verbose=False,
        )
    assert program is not None
    program.save(target / FILE)
    subject.model.config.save_pretrained(target)
    subject.tokenizer.save_pretrained(target)


def difference(subject: Subject, target: Path) -> float:
    """The largest difference between a logit of the model and of onnxruntime, at two shapes, one padded."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(target / FILE, options, providers=["CPUExecutionProvider"])
    return max(_difference(subject, session, inputs) for inputs in _shapes(subject))


def _difference(subject: Subject, session: Any, inputs: tuple[Any, ...]) -> float:
    import torch

    # A graph that ends in a constant shape loses the inputs that it does not need.
    taken = {given.name for given in session.get_inputs()}
    fed = {name: tensor.numpy() for name, tensor in zip(NAMES, inputs, strict=False) if name in taken}
    found = torch.from_numpy(session.run(None, fed)[0])
    return float((found - subject.logits(inputs)).abs().max())


def _shapes(subject: Subject) -> list[tuple[Any, ...]]:
    """The probe, and one of other sizes whose second row ends in padding."""
    inputs = subject.probe()
    ids, mask, *more = (tensor.repeat(2, 1)[:3, :-3] for tensor in inputs)
    mask = mask.clone()
    mask[1, -4:] = 0
    return [inputs, (ids, mask, *more)]


def _logits_module(model: Any) -> Any:
    import torch

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any, decoder_input_ids: Any = None) -> Any:
            wanted: dict[str, Any] = {"input_ids": input_ids, "attention_mask": attention_mask}
            if decoder_input_ids is not None:
                wanted["decoder_input_ids"] = decoder_input_ids
            if hasattr(model.config, "use_cache"):
                wanted["use_cache"] = False
            return self.model(**wanted).logits

    return Logits().eval()
