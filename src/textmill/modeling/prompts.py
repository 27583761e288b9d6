"""How a decoder is asked: its tokenizer's chat template, which travels with the model.

A decoder that was pretrained here has no template of its own. Fine-tuning gives it one: what the user says
ends with ``<sep>``, what the model answers with ``<eos>``. Whoever loads the directory finds it in
``tokenizer_config.json`` and needs nothing of this project (`PreTrainedTokenizerBase.apply_chat_template`).
"""

from __future__ import annotations

from typing import Any

from textmill.modeling.conversations import read

TEMPLATE = (
    "{% for message in messages %}{{ message['content'] }}"
    "{{ sep_token if message['role'] == 'user' else eos_token }}{% endfor %}"
)


def with_template(tokenizer: Any) -> Any:
    """The tokenizer, with `TEMPLATE` where it has none and knows the two tokens that it needs.

    Raises:
        ValueError: it has neither a template nor a separator and an end token.
    """
    if tokenizer.chat_template is None:
        if tokenizer.sep_token is None or tokenizer.eos_token is None:
            raise ValueError("neither a chat template nor a <sep> and an <eos> token")
        tokenizer.chat_template = TEMPLATE
    return tokenizer


def prompt(tokenizer: Any, text: str, longest: int) -> list[int]:
    """Token ids of a request up to where the answer begins, at most about `longest`.

    A conversation (`textmill.modeling.conversations`) that is too long loses its oldest turns, what is said
    by the system last; a text that is too long loses its end, never the frame around it.
    """
    messages = read(text)
    while len(messages) > 1 and len(_applied(tokenizer, messages)) > longest:
        oldest = next((place for place, turn in enumerate(messages) if turn["role"] != "system"), 0)
        # A conversation begins with the user.
        size = 2 if len(messages) > oldest + 2 and messages[oldest + 1]["role"] == "assistant" else 1
        if len(messages) - size < 1 or oldest + size >= len(messages):
            del messages[:-1]
        else:
            del messages[oldest : oldest + size]
    last = messages[-1]
    frame = len(_applied(tokenizer, [*messages[:-1], {**last, "content": ""}]))
    room = max(longest - frame, 1)
    found = tokenizer(last["content"], add_special_tokens=False, return_offsets_mapping=True)
    if len(found["input_ids"]) > room:
        last = {**last, "content": last["content"][: found["offset_mapping"][room - 1][1]]}
    return _applied(tokenizer, [*messages[:-1], last])


def _applied(tokenizer: Any, messages: list[dict[str, str]]) -> list[int]:
    return tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
