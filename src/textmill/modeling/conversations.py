"""Conversations: how a task row holds one, and which tokens of it a model answers for.

A row's input is either plain text, which is one thing the user says, or a conversation as `write` writes it:
a JSON list of ``{"role": …, "content": …}``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import orjson

Message = dict[str, str]
ROLES = ("system", "user", "assistant")
_START = '[{"role":'
_PAIR = '{"chosen":'


def write(messages: Sequence[Message]) -> str:
    """The conversation as one line of JSON."""
    return json.dumps(
        [{"role": message["role"], "content": message["content"]} for message in messages],
        ensure_ascii=False, separators=(",", ":"),
    )  # fmt: skip


def read(text: str) -> list[Message]:
    """What `write` wrote; any other text is what a user says."""
    if text.startswith(_START):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
    return [{"role": "user", "content": text}]


def transcript(text: str) -> str:
    """An input as people read it: a line for each thing said, who says it before it; plain text as it is."""
    if not text.startswith(_START):
        return text
    return "\n".join(f"{message['role']}: {message['content']}" for message in read(text))


def words_said(text: str) -> str:
    """What is said in an input, without who says it."""
    if not text.startswith(_START):
        return text
    return "\n".join(message["content"] for message in read(text))


def cleaned_text(text: str, clean: Callable[[str], str]) -> str:
    """`text` with `clean` applied to it, or to what is said in it; messages that are left empty stay."""
    if text.startswith(_START):
        messages = read(text)
        if len(messages) > 1 or messages[0]["content"] != text:
            return write([{**message, "content": clean(message["content"])} for message in messages])
    if text.startswith(_PAIR):
        return write_pair(*(clean(answer) for answer in read_pair(text)))
    return clean(text)


def write_pair(chosen: str, rejected: str) -> str:
    """Two answers, the better first, as one line of JSON."""
    return orjson.dumps({"chosen": chosen, "rejected": rejected}).decode()


def read_pair(text: str) -> tuple[str, str]:
    """What `write_pair` wrote.

    Raises:
        ValueError: it is something else.
    """
    pair = orjson.loads(text)
    if not isinstance(pair, dict) or set(pair) != {"chosen", "rejected"}:
        raise ValueError("expected two answers, chosen and rejected")
    return pair["chosen"], pair["rejected"]


def last_request(text: str) -> str:
    """The last thing said before the answer."""
    return read(text)[-1]["content"]


def answered(tokenizer: Any, messages: Sequence[Message]) -> tuple[list[int], list[bool]]:
    """Token ids of a conversation in the tokenizer's chat template, and which the assistant has to produce.

    Those are the assistant's words and what the template puts behind them, up to where the next turn begins:
    the end of an answer has to be learned too. The template renders a conversation and its beginnings; where
    a beginning is no prefix of the whole, the template is not one that can be learned from.

    Raises:
        ValueError: the template rewrites earlier turns when later ones follow.
    """
    whole = _rendered(tokenizer, messages, False)
    spans = []
    for place, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        asked = _rendered(tokenizer, messages[:place], True)
        said = _rendered(tokenizer, messages[: place + 1], False)
        if not (said.startswith(asked) and whole.startswith(said)):
            raise ValueError("a chat template that rewrites earlier turns when later ones follow")
        spans.append((len(asked), len(said)))
    found = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    marks, at = [], 0
    for start, _ in found["offset_mapping"]:
        while at < len(spans) and start >= spans[at][1]:
            at += 1
        marks.append(at < len(spans) and start >= spans[at][0])
    return found["input_ids"], marks


def _rendered(tokenizer: Any, messages: Sequence[Message], is_asked: bool) -> str:
    return tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=is_asked)
