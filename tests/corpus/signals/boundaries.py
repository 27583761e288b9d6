"""Documents that move across the threshold of one rule, step by step.

Each family of documents takes our own prose and adds one more of what a rule counts. Where the answer of a
filter turns, the document before and the one behind lie as close to the threshold as documents can.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.corpus.curation_texts import NOVEL

DATA = Path(__file__).parents[2] / "data" / "corpus"
ENGLISH = [json.loads(line)["text"] for line in (DATA / "english.jsonl").read_text("utf-8").splitlines()]
CHINESE = (DATA / "chinese.txt").read_text("utf-8").split("\n\n")
PROSE = " ".join(ENGLISH).split()
HAN = "".join("".join(CHINESE).split()) * 3


def words(count: int, start: int = 0) -> str:
    """`count` consecutive words of prose, a text that no rule but those for short texts objects to."""
    return " ".join((PROSE * (1 + (start + count) // len(PROSE)))[start : start + count])


def lines(count: int, width: int = 12, start: int = 0) -> list[str]:
    """`count` different lines of prose that end in a full stop."""
    return [words(width, start + width * number).rstrip(",.") + "." for number in range(count)]


def _last(text: str, count: int, change: Callable[[str], str]) -> str:
    parts = text.split(" ")
    return " ".join([*parts[: len(parts) - count], *map(change, parts[len(parts) - count :])])


ENGLISH_SWEEPS: dict[str, tuple[range, Callable[[int], str]]] = {
    "words": (range(45, 56), words),
    "words and marks": (range(45, 56), lambda n: words(n) + " -- && ! **" + " ¶ •" * (n % 2)),
    "short words": (range(0, 60), lambda n: _last(words(60), n, lambda word: "ox")),
    "long words": (range(0, 60), lambda n: _last(words(60), n, lambda word: "incomprehensibilities")),
    "hash signs": (range(0, 12), lambda n: words(60) + " #" * n),
    "tags": (range(0, 12), lambda n: words(60) + " #mill" * n + " C##" * (n // 4)),
    "dots": (range(0, 12), lambda n: words(60) + " and...." * n),
    "wide dots": (range(0, 12), lambda n: words(60) + " well……" * n),
    "bullets": (range(0, 22), lambda n: "\n".join(["- " + each for each in lines(20)[:n]] + lines(20)[n:])),
    "round bullets": (
        range(8, 13),
        lambda n: "\n".join(
            ["  • " + each for each in lines(n)] + ["* " + each for each in lines(1, start=300)]
        ),
    ),
    "bullets with blank lines": (
        range(8, 20),
        lambda n: "\n".join("- " + e for e in lines(n)) + "\n\n" + words(9),
    ),
    "ends in dots": (range(0, 16), lambda n: "\n".join([e + ".." for e in lines(16)[:n]] + lines(16)[n:])),
    "ends in wide dots": (
        range(0, 17),
        lambda n: "\n\n".join([e + "…  " for e in lines(16)[:n]] + lines(16)[n:]),
    ),
    "numbers": (range(0, 40), lambda n: words(60) + " 1984," * n),
    "stop words": (
        range(0, 9),
        lambda n: (
            re.sub(r"\b(the|be|to|of|and|that|have|with)\b", "xx", words(80))
            + " the, The THE and be to of that have with".replace(" ", " ", n)[: 4 * n]
        ),
    ),
    "repeated paragraphs": (
        range(0, 10),
        lambda n: "\n\n".join(lines(8, 14) + [lines(1, 14)[0]] * n),
    ),
    "long repeated paragraph": (
        range(1, 60, 2),
        lambda n: "\n\n".join([*lines(9, 20), words(n), words(n)]),
    ),
    "repeated lines": (range(0, 10), lambda n: "\n".join(lines(9, 14) + [lines(1, 14)[0]] * n)),
    "long repeated line": (range(1, 60, 2), lambda n: "\n".join([*lines(9, 20), words(n), words(n)])),
    "lines with other spaces": (
        range(0, 8),
        lambda n: "\n".join(lines(9) + [" " + lines(1)[0]] * n + lines(1)),
    ),
    **{
        f"one {n}-gram": (range(0, 40), lambda count, n=n: _scattered(words(90), words(n, 400), count))
        for n in (2, 3, 4)
    },
    **{
        f"passages of {n} words": (range(0, 12), lambda count, n=n: _passages(n, count))
        for n in (5, 6, 7, 8, 9, 10, 13)
    },
    "one long passage again": (range(5, 60), lambda n: f"{words(200)} {words(n)}"),
    "one long passage twice again": (
        range(5, 45),
        lambda n: f"{words(200)} {words(n)} so {words(n)} {words(3, 9)}",
    ),
    "few words": (range(1, 20), words),
    "sentences": (range(2, 9), lambda n: "\n".join(lines(n, 6))),
    "sentences in a line": (range(1, 9), lambda n: " ".join(lines(n, 8))),
    "quoted sentences": (range(1, 8), lambda n: '"Is it so?" he said.\n' * n + "No end here"),
    "lines without an end": (
        range(0, 8),
        lambda n: "\n".join([e.rstrip(".") for e in lines(9)[:n]] + lines(9)[n:]),
    ),
    "short lines between": (
        range(0, 8),
        lambda n: "\n".join(["Not so."] * n + lines(4) + ["It is so."] * (n // 2)),
    ),
    "citations": (
        range(0, 8),
        lambda n: "\n".join([e + "[12]" for e in lines(8)[:n]] + [e + " [1]" for e in lines(8)[n:]]),
    ),
    "more citations": (
        range(0, 8),
        lambda n: "\n".join(["As said[edit] " + e + "[3][]" for e in lines(n)] + lines(8 - n)),
    ),
    "curly bracket": (
        range(0, 6),
        lambda n: "\n".join(
            [
                *lines(6),
                ["a { b", "A line with { in it.", "x {.", "Use cookies {now}.", "JavaScript {is} used.", "{"][
                    n
                ],
            ]
        ),
    ),
    "javascript": (
        range(0, 8),
        lambda n: "\n".join(["Please enable JavaScript in your browser."] * n + lines(8 - n)),
    ),
    "policy": (range(0, 8), lambda n: "\n".join(["This site uses cookies and more."] * n + lines(7 - n))),
    "lorem ipsum": (
        range(0, 3),
        lambda n: "\n".join(
            [*lines(6), ["Lorem ipsum dolor sit amet.", "lorem ipsum", "Lorem  ipsum is not it."][n]]
        ),
    ),
    "long word": (
        range(998, 1004),
        lambda n: "\n".join([*["It is so and so."] * 4, f"A word {'w' * n} in a line."]),
    ),
    "unpunctuated lines": (
        range(0, 40, 1),
        lambda n: "\n".join([*lines(3), *(e.rstrip(".") for e in lines(n, start=99))]),
    ),
    "quotation marks at the end": (
        range(0, 30),
        lambda n: "\n".join([*lines(3), *(e + '"' for e in lines(n))]),
    ),
    "short lines": (range(0, 40), lambda n: "\n".join([*lines(8), *lines(n, 5, 40)])),
    "width of lines": (range(26, 35), lambda n: "\n".join((e * 3)[: n - 1] + "." for e in lines(12))),
    "newlines": (range(15, 40), lambda n: "\n".join(lines(9)) + "\n" * n + "End."),
    "newlines around": (range(0, 5), lambda n: "\n" + "\n".join(lines(n + 1)) + "\n\n"),
    "dup characters": (
        range(1, 40),
        lambda n: "\n".join([words(n) + ".", *lines(30, start=60), words(n) + "."]),
    ),
}
CHINESE_SWEEPS: dict[str, tuple[range, Callable[[int], str]]] = {
    "字": (range(45, 56), lambda n: HAN[:n]),
    "词": (range(0, 60, 3), lambda n: HAN[:40] + " internationalization" * n),
    "数": (range(0, 40, 2), lambda n: HAN[:60] + " 1984" * n),
    "省略": (range(0, 16), lambda n: HAN[:90] + "然后……" * n),
    "虚字": (
        range(0, 10),
        lambda n: re.sub("[的是不了在有和之以也]", "天", HAN[:80]) + "的是不了在有和之以也"[:n],
    ),
    "行": (range(0, 9), lambda n: "\n".join(CHINESE[:9] + CHINESE[:1] * n)),
    "段": (range(0, 9), lambda n: "\n\n".join(CHINESE[:9] + CHINESE[:1] * n)),
    "行宽": (range(7, 14), lambda n: "\n".join(HAN[20 * i : 20 * i + n - 1] + "。" for i in range(9))),
    "短行": (range(0, 40), lambda n: "\n".join([*NOVEL, *(HAN[9 * i : 9 * i + 8] + "。" for i in range(n))])),
    "无标点": (range(0, 40), lambda n: "\n".join([*NOVEL, *(HAN[40 * i : 40 * i + 35] for i in range(n))])),
    "引号": (
        range(0, 40),
        lambda n: "\n".join(
            [
                *(HAN[40 * i : 40 * i + 35] for i in range(30)),
                *["“此何人也？”"] * 2,
                *(f"第{i}人曰：“然。”" for i in range(n)),
            ]
        ),
    ),
    "重复": (range(0, 30), lambda n: HAN[:150] + "好评" * n),
    "重复句": (range(0, 12), lambda n: HAN[:150] + "操大惊，急令收军。" * n),
    "长重复": (range(5, 60, 2), lambda n: HAN[:200] + HAN[:n]),
    "短": (range(1, 20), lambda n: HAN[:n]),
}


def _scattered(text: str, phrase: str, count: int) -> str:
    parts = text.split(" ")
    for number in range(count):
        parts.insert((number * 7) % (len(parts) + 1), phrase)
    return " ".join(parts)


def _passages(size: int, count: int) -> str:
    """A text in which `count` passages of `size` words come again, one after the other or apart."""
    again = [words(size, 11 * number) for number in range(count)]
    return f"{words(140)} {' so it was, '.join(again[::2])} {' '.join(again[1::2])}"


def swept() -> Iterator[tuple[str, str, str]]:
    """(name of the sweep, language, text) of all documents."""
    for language, sweeps in (("en", ENGLISH_SWEEPS), ("zh", CHINESE_SWEEPS)):
        for name, (numbers, make) in sweeps.items():
            for number in numbers:
                yield name, language, make(number)


def mutated(texts: list[str], seed: int) -> list[str]:
    """Each text with one thing done to it that some rule looks at."""
    chance = random.Random(seed)
    changes: list[Callable[[str], str]] = [
        lambda text: f"{text}\n{text[: chance.randrange(1, len(text))]}",
        lambda text: "\n".join(chance.choices(text.split("\n"), k=2 + text.count("\n"))),
        lambda text: " ".join(chance.choices(text.split(), k=chance.randrange(20, 90))),
        lambda text: "\n".join(f"- {line}" for line in text.split("\n")),
        lambda text: text.replace(".", chance.choice(["...", "…", ".\n", " ;"])),
        lambda text: "\n".join(text.split(" ")[: chance.randrange(3, 90)]),
        lambda text: text.replace("\n", chance.choice([" ", "\n\n", ".\n", "\n \n"])),
        lambda text: (
            f"{text}\n{chance.choice(['Use of cookies is needed.', 'Enable Javascript now.', 'A {b}.'])}"
        ),
        lambda text: re.sub(r"\w+", lambda m: m[0] if chance.random() < 0.8 else "12", text),
        lambda text: text[: chance.randrange(20, 1500)],
    ]
    return [chance.choice(changes)(text) for text in texts]
