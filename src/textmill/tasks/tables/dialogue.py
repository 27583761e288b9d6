"""Rows of kind `dialogue`: conversations that end with the assistant; the last turn is the target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from textmill.config.dialogue_tasks import Conversations, DialogueTask
from textmill.corpus.archives import open_member
from textmill.corpus.sources.packages import fetched, matching
from textmill.errors import UserError
from textmill.modeling.conversations import Message, write
from textmill.tasks.tables.json_lines import lines, local_lines, messages_of
from textmill.tasks.tables.row import Row, Table

Found = Iterator[tuple[str, list[Message]]]


def read(task: DialogueTask, local: Path) -> Table:
    """Read the conversations of files and packages and cut them into pieces that end with the assistant.

    Consecutive messages of one speaker are one turn. The pieces of a conversation stay in one split.

    Args:
        task: where they are.
        local: the folder that the task's own files are relative to.

    Raises:
        UserError: a file is missing or damaged, or a line is no conversation.
    """
    rows: list[Row] = []
    dropped: Counter[str] = Counter()
    for entry, place, path, split in local_lines(task, local):
        messages = messages_of(entry.get("messages"), place, "messages")
        common = {"source": path, "split": split, "place": place, "target_lang": task.lang}
        rows += _rows(
            f"{path}:{place.rsplit(' ', 1)[1]}", messages, task, dropped, common | {"input_lang": task.lang}
        )
    for package in task.packages:
        common = {"source": package.package, "input_lang": package.lang, "target_lang": package.lang}
        for key, messages in _packaged(package, dropped):
            rows += _rows(f"{package.package}:{key}", messages, task, dropped, common)
    return Table("dialogue", rows, task.lang, task.lang, dropped)


def _rows(
    key: str, messages: list[Message], task: DialogueTask, dropped: Counter[str], common: dict[str, str]
) -> list[Row]:
    pieces = list(_pieces(merged(messages), task.most_messages, task.max_chars))
    if not pieces:
        dropped["no answer"] += 1
    return [
        Row(f"{key}#{number}", write(piece[:-1]), piece[-1]["content"], group=key, **common)
        for number, piece in enumerate(pieces)
    ]


def merged(messages: list[Message]) -> list[Message]:
    """Consecutive messages of one role as one, with line breaks between them."""
    found: list[Message] = []
    for message in messages:
        if found and found[-1]["role"] == message["role"]:
            found[-1] = {**found[-1], "content": f"{found[-1]['content']}\n{message['content']}"}
        else:
            found.append(dict(message))
    return found


def _pieces(messages: list[Message], most: int, max_chars: int) -> Iterator[list[Message]]:
    """Runs of at most `most` messages that begin with the user (or the system) and end with the assistant."""
    system = messages[:1] if messages and messages[0]["role"] == "system" else []
    piece: list[Message] = []
    for message in messages[len(system) :]:
        is_long = len(message["content"]) > max_chars
        if is_long or (len(system) + len(piece) >= most - 1 and message["role"] == "user"):
            yield from _ended(system, piece)
            piece = []
        if not is_long and (piece or message["role"] == "user"):
            piece.append(message)
    yield from _ended(system, piece)


def _ended(system: list[Message], piece: list[Message]) -> Iterator[list[Message]]:
    if piece and piece[-1]["role"] != "assistant":
        piece = piece[:-1]
    if piece:
        yield [*system, *piece]


def _packaged(package: Conversations, dropped: Counter[str]) -> Found:
    archive = fetched(package)
    parse: Callable[[bytes, str, Counter[str]], Found] = {
        "chitchat": chitchat, "chatterbot": chatterbot, "messages": _messages,
    }[package.format]  # fmt: skip
    for member in matching(archive, package.members):
        where = f"{archive.name}: {member}"
        with open_member(archive, member) as file:
            for key, messages in parse(file.read(), where, dropped):
                yield f"{member}:{key}", messages


def _messages(content: bytes, where: str, dropped: Counter[str]) -> Found:
    for entry, place in lines(content, where):
        yield place.rsplit(" ", 1)[1], messages_of(entry.get("messages"), place, "messages")


def chitchat(content: bytes, where: str, dropped: Counter[str]) -> Found:
    """chitchat-dataset: who speaks first is the user, the other the assistant."""
    try:
        conversations = orjson.loads(content)
        for key, conversation in conversations.items():
            turns = [message for turn in conversation["messages"] for message in turn]
            senders = list(dict.fromkeys(message["sender"] for message in turns))
            said = [(message["sender"], str(message["text"]).strip()) for message in turns]
            if len(senders) != 2:
                dropped["not two speakers"] += 1
                continue
            roles = dict(zip(senders, ("user", "assistant"), strict=True))
            yield key, [{"role": roles[sender], "content": text} for sender, text in said if text]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{where}: expected the JSON of chitchat-dataset, but {error!r}.") from None


def chatterbot(content: bytes, where: str, dropped: Counter[str]) -> Found:
    """chatterbot-corpus: a list of conversations, each a list of what is said in turn."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        parsed: Any = YAML(typ="safe").load(content.decode("utf-8-sig"))
        conversations = parsed["conversations"]
    except (YAMLError, ValueError, KeyError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{where}: expected the YAML of chatterbot-corpus, but {reason}.") from None
    for number, said in enumerate(conversations, 1):
        if not isinstance(said, list) or not all(isinstance(text, str | int | float) for text in said):
            dropped["not a list of texts"] += 1
            continue
        texts = [str(text).strip() for text in said if str(text).strip()]
        yield (
            str(number),
            [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)],
        )
