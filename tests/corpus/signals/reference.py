"""The signals written out as loops over one document, straight from the papers."""

from __future__ import annotations

import string
import unicodedata
from collections import Counter

import regex

WORD = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}ー]"
    r"|(?:(?![\p{Han}\p{Hiragana}\p{Katakana}ー])(?:[’‐‑·]|[^\s\x1c-\x1f\p{P}]|[\p{P}&&[\x00-\x7f]]))+",
    regex.V1,
)
TERMINAL = ".!?…。！？｡．‼⁇⁈⁉؟۔।॥።"
QUOTES = "\"'”’»」』"
BULLETS = "•‣◦●○▪■·*-"
GOPHER_STOP_WORDS = ["the", "be", "to", "of", "and", "that", "have", "with"]


def words_of(text: str) -> list[str]:
    return WORD.findall(text)


def is_symbol(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def paragraphs_of(text: str) -> list[str]:
    found, current = [], []
    for line in [*text.split("\n"), ""]:
        if line.strip():
            current.append(line)
        elif current:
            found.append("\n".join(current).strip())
            current = []
    return found


def repeated(pieces: list[str]) -> list[str]:
    seen, again = set(), []
    for piece in pieces:
        (again.append if piece in seen else seen.add)(piece)
    return again


def ngram_spans(text: str, n: int) -> list[tuple[tuple[str, ...], int, int]]:
    """Each n-gram of words with the span of text from its first word to its last."""
    found = list(WORD.finditer(text))
    return [
        (tuple(match.group() for match in found[i : i + n]), found[i].start(), found[i + n - 1].end())
        for i in range(len(found) - n + 1)
    ]


def top_ngram(text: str, n: int) -> float:
    spans = ngram_spans(text, n)
    counts = Counter(gram for gram, _, _ in spans)
    if not counts or max(counts.values()) < 2:
        return 0.0
    gram, count = counts.most_common(1)[0]
    start, end = next((start, end) for other, start, end in spans if other == gram)
    return min(count * (end - start) / len(text), 1.0)


def duplicate_ngrams(text: str, n: int) -> float:
    words, seen, covered = words_of(text), set(), set()
    for i in range(len(words) - n + 1):
        gram = tuple(words[i : i + n])
        if gram in seen:
            covered.update(range(i, i + n))
        seen.add(gram)
    return share(sum(len(words[i]) for i in covered), len(text))


def sentences(text: str) -> int:
    count = 0
    for i, character in enumerate(text):
        following = text[i + 1] if i + 1 < len(text) else "\n"
        if character in TERMINAL and following not in TERMINAL:
            count += character in "。！？｡．" or following.isspace() or following in QUOTES + ")]"
    return count


def ellipses(text: str) -> int:
    return text.count("...") + len(regex.findall("…+", text))


def reference(text: str, stop_words: list[str] | None) -> dict[str, float | None]:
    words, lines, paragraphs = words_of(text), lines_of(text), paragraphs_of(text)
    proper = [word for word in words if not all(map(is_symbol, word))]
    ellipsis_ends = [line for line in lines if line.endswith(("...", "…"))]
    closed = [line for line in lines if line[-1] in TERMINAL + QUOTES]
    cores = {"".join(regex.sub(r"^[\p{P}\p{S}]+|[\p{P}\p{S}]+$", "", word)).lower() for word in words}
    lowered = [line.lower() for line in text.split("\n")]
    policies = (
        "terms of use", "privacy policy", "cookie policy", "use cookies", "uses cookies", "use of cookies",
        "隐私政策", "使用条款",
    )  # fmt: skip
    values = {
        "characters": len(text),
        "words": len(words),
        "lines": len(lines),
        "gopher_words": len(proper),
        "gopher_mean_word_length": share(sum(map(len, proper)), len(proper)),
        "gopher_symbol_ratio": share(max(text.count("#"), ellipses(text)), len(words)),
        "gopher_bullet_lines": share(sum(line[0] in BULLETS for line in lines), len(lines)),
        "gopher_ellipsis_lines": share(len(ellipsis_ends), len(lines)),
        "gopher_alpha_words": share(sum(any(map(str.isalpha, word)) for word in words), len(words)),
        "gopher_stop_words": None if stop_words is None else len(cores & set(stop_words)),
        "c4_terminal_lines": share(len(set(map(id, closed)) - set(map(id, ellipsis_ends))), len(lines)),
        "c4_short_lines": share(sum(len(words_of(line)) < 5 for line in lines), len(lines)),
        "c4_sentences": sentences(text),
        "c4_longest_word": max(map(len, words), default=0),
        "c4_curly_brackets": text.count("{"),
        "c4_javascript_lines": share(sum("javascript" in line for line in lowered), len(lines)),
        "c4_policy_lines": share(sum(any(p in line for p in policies) for line in lowered), len(lines)),
        "c4_lorem_ipsum": sum("lorem ipsum" in line for line in lowered),
        "fineweb_punctuated_lines": share(len(closed), len(lines)),
        "fineweb_short_lines": share(sum(len(line) <= 30 for line in lines), len(lines)),
        "fineweb_dup_line_characters": share(sum(map(len, repeated(lines))), len(text.replace("\n", ""))),
        "fineweb_newlines_per_word": share(text.count("\n"), len(words)),
    }
    for name, pieces in (("line", lines), ("paragraph", paragraphs)):
        again = repeated(pieces)
        values[f"repetition_dup_{name}_fraction"] = share(len(again), len(pieces))
        values[f"repetition_dup_{name}_characters"] = share(sum(map(len, again)), len(text))
    values.update({f"repetition_top_{n}gram": top_ngram(text, n) for n in (2, 3, 4)})
    values.update({f"repetition_dup_{n}gram": duplicate_ngrams(text, n) for n in range(5, 11)})
    return values


assert set(string.punctuation) == {chr(c) for c in range(128) if is_symbol(chr(c))}
