"""A bidirectional LSTM with attention (Zhou et al., 2016), trained on the task's rows alone.

What a network without pretraining gets out of word order: the floor of a fine-tuned encoder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from textmill.errors import UserError
from textmill.modeling.baselines import Rows

if TYPE_CHECKING:
    import torch

SIZE, HIDDEN, DROPOUT = 64, 64, 0.3
FEWEST, MOST_WORDS, LONGEST = 2, 20_000, 256
BATCH, EPOCHS, PATIENCE, LEARNING_RATE = 32, 12, 3, 3e-3
SEED = 1
PAD, UNKNOWN = 0, 1

Ids = list[list[int]]


def predict(
    train: Rows, validation: Rows, inputs: Sequence[str], words: Callable[[str], list[str]]
) -> list[str]:
    """Labels by the epoch with the best macro-F1 on the validation rows.

    One thread and a fixed seed: the same rows give the same labels. Texts are cut to `LONGEST` words; words
    that occur once in training are one unknown word.

    Raises:
        UserError: the training rows have one label, or no words.
    """
    import torch

    labels = sorted(set(train.targets))
    if len(labels) < 2:
        raise UserError(f"baselines: bilstm_attention: expected at least two labels, found {labels}.")
    vocabulary = _vocabulary(train.inputs, words)
    known, held_out, asked = (
        _encode(texts, vocabulary, words) for texts in (train.inputs, validation.inputs, inputs)
    )
    numbers = [labels.index(target) for target in train.targets]
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        torch.set_num_threads(1)
        try:
            model = build(len(vocabulary) + 2, len(labels))
            _train(model, known, numbers, held_out, validation.targets, labels)
            return [labels[number] for number in _classify(model, asked)]
        finally:
            torch.set_num_threads(threads)


def build(words: int, labels: int) -> torch.nn.Module:
    """The network: ids int64 (texts, words), padded with `PAD`, to logits float32 (texts, labels).

    A text's vector is the tanh of its states' mean under attention, softmax over words of v · tanh(state).
    """
    import torch

    class Attentive(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(words, SIZE, padding_idx=PAD)
            self.lstm = torch.nn.LSTM(SIZE, HIDDEN, batch_first=True, bidirectional=True)
            self.query = torch.nn.Linear(2 * HIDDEN, 1, bias=False)
            self.dropout = torch.nn.Dropout(DROPOUT)
            self.output = torch.nn.Linear(2 * HIDDEN, labels)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            lengths = (ids != PAD).sum(dim=1)
            packed = torch.nn.utils.rnn.pack_padded_sequence(
                self.dropout(self.embedding(ids)), lengths, batch_first=True, enforce_sorted=False
            )
            states, _ = torch.nn.utils.rnn.pad_packed_sequence(
                self.lstm(packed)[0], batch_first=True, total_length=ids.shape[1]
            )
            scores = self.query(torch.tanh(states)).masked_fill((ids == PAD)[:, :, None], float("-inf"))
            pooled = (scores.softmax(dim=1) * states).sum(dim=1)
            return self.output(self.dropout(torch.tanh(pooled)))

    return Attentive()


def _vocabulary(texts: Sequence[str], words: Callable[[str], list[str]]) -> dict[str, int]:
    counts = Counter(word for text in texts for word in words(text))
    if not counts:
        raise UserError("baselines: bilstm_attention: the training rows have no words.")
    often = sorted((-count, word) for word, count in counts.items() if count >= FEWEST)[:MOST_WORDS]
    return {word: number for number, (_, word) in enumerate(often, UNKNOWN + 1)}


def _encode(texts: Sequence[str], vocabulary: dict[str, int], words: Callable[[str], list[str]]) -> Ids:
    """Word numbers of each text; a text without words is one unknown word."""
    return [[vocabulary.get(word, UNKNOWN) for word in words(text)[:LONGEST]] or [UNKNOWN] for text in texts]


def _train(
    model: Any, known: Ids, numbers: list[int], held_out: Ids, targets: Sequence[str], labels: list[str]
) -> None:
    """Leave `model` with the weights of its best epoch; `PATIENCE` epochs without a better one end it."""
    import torch
    from sklearn.metrics import f1_score

    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    random = np.random.default_rng(SEED)
    best: tuple[float, int, dict[str, Any]] | None = None
    for epoch in range(EPOCHS):
        model.train()
        for rows in _batches(known, random):
            logits = model(_padded(known, rows))
            loss = torch.nn.functional.cross_entropy(logits, torch.tensor([numbers[row] for row in rows]))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        guesses = [labels[number] for number in _classify(model, held_out)]
        score = float(f1_score(targets, guesses, average="macro", zero_division=0))
        if best is None or score > best[0]:
            best = (score, epoch, {name: value.clone() for name, value in model.state_dict().items()})
        elif epoch - best[1] >= PATIENCE:
            break
    assert best is not None
    model.load_state_dict(best[2])


def _classify(model: Any, texts: Ids) -> list[int]:
    """The number of the best label of each text."""
    import torch

    model.eval()
    order = np.argsort([len(ids) for ids in texts], kind="stable")
    found = np.zeros(len(texts), np.int64)
    with torch.inference_mode():
        for start in range(0, len(order), 8 * BATCH):
            rows = order[start : start + 8 * BATCH]
            found[rows] = model(_padded(texts, rows)).argmax(dim=1).numpy()
    return found.tolist()


def _batches(texts: Ids, random: np.random.Generator) -> Iterator[Any]:
    """Every row once in batches of similar length, in random order."""
    order = random.permutation(len(texts))
    lengths = np.array([len(ids) for ids in texts])[order]
    order = order[np.lexsort((lengths, np.arange(len(order)) // (16 * BATCH)))]
    cuts = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    for number in random.permutation(len(cuts)):
        yield cuts[number]


def _padded(texts: Ids, rows: Any) -> torch.Tensor:
    import torch

    longest = max(len(texts[row]) for row in rows)
    return torch.tensor([texts[row] + [PAD] * (longest - len(texts[row])) for row in rows])
