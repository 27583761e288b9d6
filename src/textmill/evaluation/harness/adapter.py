"""Our models as models of lm-evaluation-harness. Imports lm_eval: only where the harness runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import normalize_gen_kwargs, postprocess_generated_text

from textmill.errors import UserError
from textmill.evaluation.batches import batches_by_length
from textmill.evaluation.harness.scoring import Pair, Scored, rolling_pairs, score_causal, score_seq2seq
from textmill.evaluation.loading import frame, input_limit, load_model, load_tokenizer, pretrained_kind
from textmill.progress import Progress


class HarnessModel(TemplateLM):
    """A decoder or encoder-decoder in a Hugging Face directory; the harness asks, our batches answer."""

    def __init__(
        self,
        directory: str | os.PathLike[str],
        batch_tokens: int = 2048,
        threads: int = 1,
        context: int | None = None,
    ):
        """Load the model, fp32.

        Args:
            directory: `config.json`, safetensors and tokenizer.
            batch_tokens: padded tokens in a batch.
            threads: CPU threads.
            context: tokens of a window, if fewer than the model can read.

        Raises:
            UserError: there is no such model, or it does not write text.
        """
        super().__init__()
        kind = pretrained_kind(directory)
        if kind == "encoder":
            raise UserError(
                f"{directory}: an encoder neither continues a text nor says how likely one is, which the "
                "tasks of the harness ask for; expected a decoder or an encoder-decoder."
            )
        self.directory, self.batch_tokens = str(directory), batch_tokens
        self.backend = "causal" if kind == "decoder" else "seq2seq"
        self.tokenizer: Any = load_tokenizer(directory)
        self.model = load_model(directory, "CausalLM" if kind == "decoder" else "Seq2SeqLM", threads)
        self.max_length = input_limit(self.model, self.tokenizer, context or 1 << 20)
        # A tokenizer may end every text with <eos> of its own accord; a decoder must not read that.
        self.before = frame(self.tokenizer)[0] if kind == "decoder" else []

    @property
    def eot_token_id(self) -> int:
        """The token that ends a document, and that a document follows."""
        return int(self.tokenizer.eos_token_id)

    @property
    def prefix_token_id(self) -> int:
        """What a text without a context follows: <bos> where the tokenizer puts it, else <eos>."""
        return int(self.before[0]) if self.before else self.eot_token_id

    @property
    def tokenizer_name(self) -> str:
        """A name for caches of the harness."""
        return self.directory.replace("/", "__")

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """The turns as the model's chat template writes them.

        Raises:
            UserError: the tokenizer has no template.
        """
        if self.tokenizer.chat_template is None:
            raise UserError(f"{self.directory}: expected a tokenizer with a chat template, found none.")
        return str(
            self.tokenizer.apply_chat_template(
                chat_history, tokenize=False, add_generation_prompt=add_generation_prompt,
                continue_final_message=not add_generation_prompt,
            )
        )  # fmt: skip

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: Any) -> list[int]:
        """The ids of a text, with the special tokens that belong around it unless told otherwise."""
        if add_special_tokens is False:
            return list(self.tokenizer(string, add_special_tokens=False)["input_ids"])
        if self.backend == "seq2seq":
            return list(self.tokenizer(string)["input_ids"])
        return self.before + list(self.tokenizer(string, add_special_tokens=False)["input_ids"])

    def _loglikelihood_tokens(
        self, requests: list[tuple[Any, list[int], list[int]]], disable_tqdm: bool = False, **kwargs: Any
    ) -> list[tuple[float, bool]]:
        scored = self._score([(before, after) for _, before, after in requests])
        return [(float(each.log_likelihood), bool(each.greedy)) for each in scored]

    def _score(self, pairs: list[Pair]) -> list[Scored]:
        score: Callable[..., list[Scored]] = score_causal if self.backend == "causal" else score_seq2seq
        with Progress("harness", len(pairs), "texts") as progress:
            return score(self.model, pairs, self.max_length, self.batch_tokens, progress.advance)

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = False) -> list[float]:
        """Log-probability of whole texts in nats, each token predicted once.

        Raises:
            UserError: the model is an encoder-decoder, which has no probability of a text by itself.
        """
        if self.backend != "causal":
            raise UserError(
                f"{self.directory}: a task asks how likely whole texts are; expected a decoder, found an "
                "encoder-decoder."
            )
        texts = [self.tok_encode(request.args[0], add_special_tokens=False) for request in requests]
        pairs = [rolling_pairs(ids, self.prefix_token_id, self.max_length) for ids in texts]
        scored = iter(self._score([pair for each in pairs for pair in each]))
        return [sum(next(scored).log_likelihood for _ in each) for each in pairs]

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """What the model writes after each context, up to the first of its stop strings (not included)."""
        outputs = [""] * len(requests)
        groups: dict[str, list[int]] = {}
        for row, request in enumerate(requests):
            groups.setdefault(repr(sorted(request.args[1].items(), key=str)), []).append(row)
        with Progress("harness", len(requests), "outputs") as progress:
            for rows in groups.values():
                texts = [requests[row].args[0] for row in rows]
                written = self._generate(texts, dict(requests[rows[0]].args[1]), progress.advance)
                for row, text in zip(rows, written, strict=True):
                    outputs[row] = text
        return outputs

    def _generate(
        self, texts: list[str], options: dict[str, Any], advance: Callable[[int], None]
    ) -> list[str]:
        import torch

        asked: dict[str, Any] = dict(normalize_gen_kwargs(options))
        until, room = [stop for stop in asked.pop("until") if stop], int(asked.pop("max_gen_toks"))
        if not asked.get("do_sample"):
            asked.pop("temperature", None)
        causal = self.backend == "causal"
        longest = max(self.max_length - room, 1) if causal else self.max_length
        encoded = [(self.tok_encode(text) or [self.eot_token_id])[-longest:] for text in texts]
        outputs = [""] * len(texts)
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else self.eot_token_id
        for rows in batches_by_length([len(ids) for ids in encoded], self.batch_tokens):
            inputs, attended = _padded_left([encoded[row] for row in rows], pad)
            with torch.inference_mode():
                tokens = self.model.generate(
                    input_ids=inputs, attention_mask=attended, max_new_tokens=room, pad_token_id=pad,
                    stopping_criteria=self._stops(until, inputs.shape[1] if causal else 0), **asked,
                )  # fmt: skip
            new = tokens[:, inputs.shape[1] :] if causal else tokens
            for row, text in zip(
                rows, self.tokenizer.batch_decode(new, skip_special_tokens=True), strict=True
            ):
                outputs[row] = postprocess_generated_text(text, until, None)
            advance(len(rows))
        return outputs

    def _stops(self, until: list[str], start: int) -> list[Callable[..., Any]]:
        """Ends rows that hold a stop string; transformers' own also sees names of special tokens."""
        import torch

        if not until:
            return []
        # As many tokens as a stop string can have, and some special ones that are no text.
        tail = max(len(stop.encode()) for stop in until) + 8

        def holds(tokens: Any, scores: Any, **kwargs: Any) -> Any:
            texts = self.tokenizer.batch_decode(tokens[:, start:][:, -tail:], skip_special_tokens=True)
            return torch.tensor([any(stop in text for stop in until) for text in texts])

        return [holds]


def _padded_left(lists: list[list[int]], pad: int) -> tuple[Any, Any]:
    import torch

    width = max(map(len, lists))
    inputs = torch.full((len(lists), width), pad, dtype=torch.long)
    attended = torch.zeros((len(lists), width), dtype=torch.long)
    for line, ids in enumerate(lists):
        inputs[line, width - len(ids) :] = torch.tensor(ids)
        attended[line, width - len(ids) :] = 1
    return inputs, attended
