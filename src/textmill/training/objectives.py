"""Losses: what a model of each kind is asked, and how wrong its answers are.

Every function returns the mean loss of the batch, a scalar in nats, computed only at positions that count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from textmill.training.corruption import IGNORED

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

Ids = npt.NDArray[np.int64]


def document_places(ids: Ids, end: int) -> tuple[Ids, Ids]:
    """Which document of its row each token is in, and at which place of it; a row may begin inside of one.

    Args:
        ids: (rows, length) token ids; every document ends with `end`, which belongs to it.

    Returns:
        Documents from 0 and places from 0, both like `ids`.
    """
    is_end = ids == end
    document = np.cumsum(is_end, axis=1) - is_end
    here = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
    begins = np.zeros_like(is_end)
    begins[:, 1:] = is_end[:, :-1]
    return document, here - np.maximum.accumulate(np.where(begins, here, 0), axis=1)


def next_token_loss(model: Any, ids: Ids, end: int | None = None) -> torch.Tensor:
    """Causal language modelling: each token of `ids` (rows, length) but the first, from those before it.

    With `end`, the token that ends documents, no token sees another document: positions begin anew with each,
    which transformers' masks take for packed sequences.
    """
    import torch

    tokens = _on_device_of(model, ids)
    places = None if end is None else _on_device_of(model, document_places(ids[:, :-1], end)[1])
    body = model.base_model
    hidden = body(input_ids=tokens[:, :-1], position_ids=places, use_cache=False).last_hidden_state
    logits = model.lm_head(hidden.flatten(0, 1))
    return torch.nn.functional.cross_entropy(logits.float(), tokens[:, 1:].flatten())


def masked_token_loss(model: Any, inputs: Ids, labels: Ids, end: int | None = None) -> torch.Tensor:
    """Masked language modelling; the head runs at the labelled positions only. Both are (rows, length).

    With `end`, the token that ends documents, no token sees another document.
    """
    import torch

    mask, own = None, {}
    if end is not None:
        documents, places = document_places(inputs, end)
        document = _on_device_of(model, documents)
        if model.config.model_type == "bert":
            own = {"position_ids": _on_device_of(model, places)}
        apart = document[:, None, :, None] != document[:, None, None, :]
        mask = torch.zeros(apart.shape, device=apart.device).masked_fill_(
            apart, torch.finfo(torch.float32).min
        )
    output = model.base_model(input_ids=_on_device_of(model, inputs), attention_mask=mask, **own)
    hidden = output.last_hidden_state.flatten(0, 1)
    flat = labels.ravel()
    places = np.flatnonzero(flat != IGNORED)
    chosen = hidden[_on_device_of(model, places)]
    logits = model.cls(chosen) if hasattr(model, "cls") else model.decoder(model.head(chosen))
    return torch.nn.functional.cross_entropy(logits.float(), _on_device_of(model, flat[places]))


def target_loss(model: Any, inputs: Ids, attention: Ids, labels: Ids, smoothing: float = 0.0) -> torch.Tensor:
    """Encoder-decoder with teacher forcing: the labels that are not -100, from the inputs and those before.

    Args:
        model: a Hugging Face encoder-decoder.
        inputs: (rows, input length).
        attention: 1 at tokens, 0 at padding; like `inputs`.
        labels: (rows, target length), -100 at padding.
        smoothing: label smoothing (Szegedy et al. 2016).
    """
    import torch

    targets = _on_device_of(model, labels)
    output = model(
        input_ids=_on_device_of(model, inputs),
        attention_mask=_on_device_of(model, attention),
        decoder_input_ids=model.prepare_decoder_input_ids_from_labels(targets),
        use_cache=False,
    )
    places = targets != IGNORED
    return torch.nn.functional.cross_entropy(
        output.logits[places].float(), targets[places], label_smoothing=smoothing
    )


def answer_loss(model: Any, inputs: Ids, attention: Ids, labels: Ids, smoothing: float = 0.0) -> torch.Tensor:
    """A decoder's loss on the answers only; the head runs at their tokens alone.

    Args:
        model: a Hugging Face decoder.
        inputs: (rows, length), request and answer one after the other.
        attention: 1 at tokens, 0 at padding; like `inputs`.
        labels: like `inputs`, -100 where nothing is to be predicted.
        smoothing: label smoothing (Szegedy et al. 2016).
    """
    import torch

    hidden = model.base_model(
        input_ids=_on_device_of(model, inputs),
        attention_mask=_on_device_of(model, attention),
        use_cache=False,
    ).last_hidden_state
    targets = _on_device_of(model, labels)[:, 1:]
    places = targets != IGNORED
    logits = model.get_output_embeddings()(hidden[:, :-1][places])
    return torch.nn.functional.cross_entropy(logits.float(), targets[places], label_smoothing=smoothing)


def packed_loss(model: Any, ids: Ids, places: Ids, labels: Ids, smoothing: float = 0.0) -> torch.Tensor:
    """As `answer_loss` for rows of several sequences, none of which sees another.

    Args:
        model: a Hugging Face decoder.
        ids: (rows, length).
        places: like `ids`, from 0 in each sequence; transformers' masks take that for packed sequences.
        labels: like `ids`, -100 where nothing is to be predicted, as at the first token of a sequence.
        smoothing: label smoothing (Szegedy et al. 2016).
    """
    import torch

    hidden = model.base_model(
        input_ids=_on_device_of(model, ids), position_ids=_on_device_of(model, places), use_cache=False
    ).last_hidden_state
    targets = _on_device_of(model, labels)[:, 1:]
    chosen = targets != IGNORED
    logits = model.get_output_embeddings()(hidden[:, :-1][chosen])
    return torch.nn.functional.cross_entropy(logits.float(), targets[chosen], label_smoothing=smoothing)


def sequence_log_probs(model: Any, ids: Ids, attention: Ids, labels: Ids) -> torch.Tensor:
    """The log-probability of each row's labelled tokens together, fp32 (rows,), in nats.

    Args:
        model: a Hugging Face decoder.
        ids, attention, labels: as of `answer_loss`, (rows, length).
    """
    import torch

    hidden = model.base_model(
        input_ids=_on_device_of(model, ids), attention_mask=_on_device_of(model, attention), use_cache=False
    ).last_hidden_state
    targets = _on_device_of(model, labels)[:, 1:]
    chosen = targets != IGNORED
    logits = model.get_output_embeddings()(hidden[:, :-1][chosen])
    found = -torch.nn.functional.cross_entropy(logits.float(), targets[chosen], reduction="none")
    rows = chosen.nonzero()[:, 0]
    return torch.zeros(len(ids), device=found.device).index_add(0, rows, found)


def preference_logits(policy: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """How much more than the reference the policy prefers the first answer to the second: (rows,).

    Equation 7 of Rafailov et al. 2023 without beta: the difference of the answers' log-ratios.

    Args:
        policy, reference: log-probabilities of both answers, (rows, 2).
    """
    ratios = policy - reference
    return ratios[:, 0] - ratios[:, 1]


def preference_loss(policy: torch.Tensor, reference: torch.Tensor, beta: float) -> torch.Tensor:
    """Direct preference optimization (Rafailov et al. 2023): mean of -log sigmoid(beta x the logits)."""
    import torch

    return -torch.nn.functional.logsigmoid(beta * preference_logits(policy, reference)).mean()


def class_logits(model: PreTrainedModel, inputs: Ids, attention: Ids) -> torch.Tensor:
    """Scores of the classes: (rows, classes), fp32. `inputs` and `attention` are (rows, length)."""
    output = model(input_ids=_on_device_of(model, inputs), attention_mask=_on_device_of(model, attention))
    return output.logits.float()


def _on_device_of(model: Any, values: Ids) -> torch.Tensor:
    import torch

    return torch.from_numpy(values).to(model.device)
