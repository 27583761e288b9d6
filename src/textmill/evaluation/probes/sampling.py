"""Text that a decoder writes of its own accord: sampled, or greedy; the same seed gives the same text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from textmill.errors import UserError
from textmill.evaluation.batches import batches_by_length
from textmill.evaluation.loading import input_limit, load_model, load_tokenizer, pretrained_kind


class Writer:
    """A decoder that continues token ids."""

    def __init__(self, directory: str, threads: int, batch_tokens: int):
        """Load it.

        Raises:
            UserError: it is no decoder.
        """
        if pretrained_kind(directory) != "decoder":
            raise UserError(f"{directory}: this probe reads what a model writes; expected a decoder.")
        self.tokenizer = load_tokenizer(directory)
        self.model = load_model(directory, "CausalLM", threads)
        self.batch_tokens = batch_tokens
        self.context = input_limit(self.model, self.tokenizer, 1 << 20)

    def ids(self, text: str) -> list[int]:
        """The ids of a text, without special tokens."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def continued(
        self,
        prompts: Sequence[Sequence[int]],
        max_new_tokens: int,
        seed: int,
        top_p: float | None = None,
        advance: Callable[[int], None] = lambda rows: None,
    ) -> list[list[int]]:
        """What follows each prompt, up to the end of a document, without it.

        Args:
            prompts: ids; an empty prompt begins a document. Too long ones lose their beginning.
            max_new_tokens: ids of an output at most.
            seed: of what is sampled.
            top_p: the nucleus that is sampled from (Holtzman et al. 2020); None is greedy.
        """
        import torch

        end = self.tokenizer.eos_token_id
        room = max(self.context - max_new_tokens, 1)
        given = [[end, *prompt][-room:] for prompt in prompts]
        outputs: list[list[int]] = [[] for _ in prompts]
        chosen: dict[str, Any] = {"do_sample": top_p is not None}
        if top_p is not None:
            chosen |= {"top_p": top_p, "top_k": 0, "temperature": 1.0}
        sizes = [len(ids) + max_new_tokens for ids in given]
        for number, rows in enumerate(batches_by_length(sizes, self.batch_tokens)):
            width = max(len(given[row]) for row in rows)
            inputs = torch.full((len(rows), width), end, dtype=torch.long)
            attended = torch.zeros((len(rows), width), dtype=torch.long)
            for line, row in enumerate(rows):
                inputs[line, width - len(given[row]) :] = torch.tensor(given[row])
                attended[line, width - len(given[row]) :] = 1
            torch.manual_seed(seed * 1_000_003 + number)
            with torch.inference_mode():
                tokens = self.model.generate(
                    input_ids=inputs, attention_mask=attended, max_new_tokens=max_new_tokens,
                    pad_token_id=end, eos_token_id=end, **chosen,
                )  # fmt: skip
            for row, ids in zip(rows, tokens[:, width:].tolist(), strict=True):
                outputs[row] = ids[: ids.index(end)] if end in ids else ids
            advance(len(rows))
        return outputs

    def text(self, ids: Sequence[int]) -> str:
        """The text of ids, special tokens left out."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))
