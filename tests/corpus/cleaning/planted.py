"""Personal data planted in real sentences, and numbers that only look like it."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.corpus.cleaning.planted_items import (
    CUES,
    DIGITS,
    TRUE,
    UPPER,
    Chooser,
    card_digits,
    grouped,
    iban_parts,
    luhn_digit,
    pick,
    resident_body,
    resident_check,
)

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Planted:
    """A text and what it holds: the type (None for a look-alike) and its span in code points."""

    text: str
    type: str | None
    start: int
    end: int


def wrong(digit: str, chooser: Chooser) -> str:
    return chooser.choice([other for other in DIGITS if other != digit])


def wrong_card(chooser: Chooser) -> str:
    digits = card_digits(chooser)
    return digits[:-1] + wrong(digits[-1], chooser)


def wrong_resident(chooser: Chooser) -> str:
    body = resident_body(chooser)
    return body + wrong(resident_check(body), chooser)


def wrong_iban(chooser: Chooser) -> str:
    country, check, account = iban_parts(chooser)
    return country + f"{(int(check) + chooser.randrange(1, 60)) % 97:02d}" + account


def isbn13(chooser: Chooser) -> str:
    body = chooser.choice(["978", "979"]) + pick(chooser, DIGITS, 9)
    check = -sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(body)) % 10
    return grouped(f"{body}{check}", [3, 1, 4, 4, 1], chooser.choice(["", "-"]))


def number(low: int, high: int) -> Callable[[Chooser], str]:
    return lambda chooser: str(chooser.randrange(low, high))


def form(pattern: str) -> Callable[[Chooser], str]:
    """`#` is a digit, `?` a hexadecimal one, `A` a capital letter."""
    kinds = {"#": DIGITS, "?": "0123456789abcdef", "A": UPPER}
    return lambda chooser: "".join(chooser.choice(kinds.get(each, each)) for each in pattern)


def small(chooser: Chooser) -> str:
    return str(chooser.randrange(0, 30))


FALSE: tuple[tuple[str, Callable[[Chooser], str]], ...] = (
    ("numpy version {} is required", lambda c: ".".join([small(c), small(c), small(c), small(c)])),
    ("torch>={}", lambda c: f"{small(c)}.{small(c)}.{c.randrange(100)}"),
    (
        "Chrome/{} Safari/537.36",
        lambda c: f"{c.randrange(60, 130)}.0.{c.randrange(3000, 7000)}.{c.randrange(200)}",
    ),
    ("section {} of the manual", lambda c: f"{small(c)}.{small(c)}.{small(c)}.{small(c)}"),
    ("版本{}已发布", lambda c: f"v{small(c)}.{small(c)}.{small(c)}.{small(c)}"),
    ("order {} has shipped", wrong_card),
    ("订单号{}已发货", wrong_card),
    ("编号{}，共三件", wrong_resident),
    ("reference {} was not found", wrong_resident),
    ("account {} is invalid", wrong_iban),
    ("ISBN {}", isbn13),
    ("书号{}，平装", isbn13),
    ("commit {}", form("?" * 40)),
    ("md5 {} matches", form("?" * 32)),
    ("id {}", form("????????-????-????-????-????????????")),
    (
        "on {} at noon",
        lambda c: f"{c.randrange(1900, 2030)}-{c.randrange(1, 13):02d}-{c.randrange(1, 29):02d}",
    ),
    ("{}完成", lambda c: f"{c.randrange(1990, 2030)}年{c.randrange(1, 13)}月{c.randrange(1, 29)}日"),
    ("at {}.", form("2024-01-3# 12:3#:4#.######")),
    ("log_{}.txt", form("20240131######")),
    ("stamp {}", number(1_500_000_000_000, 1_900_000_000_000)),
    ("x = {}", lambda c: repr(c.random())),
    ("array([ {}, 0.5])", lambda c: f"{c.uniform(-1e3, 1e3):.8f}"),
    ("{} mol", lambda c: f"+{c.uniform(1, 10):.9e}"),
    ("at {} degrees", lambda c: f"{c.uniform(-90, 90):.6f}, {c.uniform(-180, 180):.6f}"),
    ("2**n is {}", lambda c: str(2 ** c.randrange(20, 63))),
    ("there were {} people", number(10_000_000, 10_000_000_000)),
    ("range({})", number(13_000_000_000, 19_000_000_000)),
    ("订单号：{}", number(13_000_000_000, 19_000_000_000)),
    ("values {} follow", lambda c: " ".join(str(c.randrange(100, 10_000)) for _ in range(6))),
    ("[{}]", lambda c: ", ".join(str(c.randrange(10**14, 10**16)) for _ in range(3))),
    ("default_rng({})", number(10**14, 10**16)),
    ("arXiv {}", form("21##.#####")),
    ("doi 10.{}", form("####/########")),
    ("MAC {}", form("00:??:??:??:??:??")),
    ("gateway {}", lambda c: f"192.168.{c.randrange(256)}.{c.randrange(256)}"),
    ("内网{}", lambda c: f"10.{c.randrange(256)}.{c.randrange(256)}.{c.randrange(256)}"),
    ("listens on {}", lambda c: c.choice(["127.0.0.1:8080", "0.0.0.0", "::1", "fe80::1", "2001:db8::1:2:3"])),
    ("x[{}]", lambda c: f"{c.randrange(2000, 4000)}::{small(c)}"),
    ("zip {}", form("#####-####")),
    ("CAS {}", form("#####-##-#")),
    ("US$ {}", form("1,234,#67.8#")),
    ("pages {}", lambda c: f"{c.randrange(100, 500)}-{c.randrange(500, 900)}"),
    ("between {}", lambda c: f"{c.randrange(1900, 1960)}-{c.randrange(1960, 2030)}"),
    ("tracking 1Z{}", form("###AA##########")),
    ("@{}.setter", lambda c: c.choice(["property", "value", "name"])),
    ("a {} b", lambda c: c.choice(["@", "@ x", "x@y", "user@localhost", "foo@bar"])),
    ("pip install sk-{}", lambda c: c.choice(["learn-contrib-something-long", "image-extra-tools-and-more"])),
    ("hf_{}", form("AAAA####")),
    ("model AKIA{}", form("####")),
    ("IMEI {}", lambda c: (lambda body: body + luhn_digit(body))("35" + pick(c, DIGITS, 12))),
    ("score {} to 2", form("1#:2#")),
    ("http://host:8080/a?token={}", lambda c: c.choice(["x", "1", "{t}"])),
)


def sentences() -> tuple[list[str], list[str]]:
    """Sentences of the test corpus and of the docs: English, Chinese."""
    english = []
    for line in (ROOT / "tests/data/corpus/english.jsonl").read_text("utf-8").splitlines():
        english += re.split(r"(?<=[.!?])\s+", json.loads(line)["text"])
    for page in ("training.md", "evaluation.md", "registry.md", "architecture.md"):
        text = (ROOT / "docs" / page).read_text("utf-8")
        english += [line for line in text.splitlines() if len(line.split()) > 8]
    chinese = re.split(r"(?<=[。！？])\s*", (ROOT / "tests/data/corpus/chinese.txt").read_text("utf-8"))
    return [each for each in english if each.strip()], [each for each in chinese if each.strip()]


def planted(seed: int, per_type: int = 300, per_look_alike: int = 25) -> Iterator[Planted]:
    """`per_type` items of each type and `per_look_alike` of each look-alike, each in a text of its own."""
    chooser = random.Random(seed)
    english, chinese = sentences()
    for kind, make in TRUE.items():
        for count in range(per_type):
            place = count % len(CUES[kind])
            prose = english if place < 3 else chinese
            yield _text(chooser, prose, CUES[kind][place], make(chooser), kind)
    for cue, make in FALSE:
        for _ in range(per_look_alike):
            prose = english if cue.isascii() else chinese
            yield _text(chooser, prose, cue, make(chooser), None)


def _text(chooser: Chooser, prose: list[str], cue: str, item: str, kind: str | None) -> Planted:
    before, after = chooser.choice(prose), chooser.choice(prose)
    gap = "\n" if chooser.random() < 0.3 else " "
    head, tail = cue.split("{}")
    start = len(before) + len(gap) + len(head)
    return Planted(f"{before}{gap}{head}{item}{tail}{gap}{after}", kind, start, start + len(item))
