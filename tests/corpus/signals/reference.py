"""The signals written out as loops over one document, straight from the definitions in docs/filters.md."""

from __future__ import annotations

from collections import Counter

import regex

from textmill.corpus.signals import marks

WORD = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}ー]"
    r"|(?:(?![\p{Han}\p{Hiragana}\p{Katakana}ー])(?:[’‐‑·]|[^\s\x1c-\x1f\p{P}]|[\p{P}&&[\x00-\x7f]]))+",
    regex.V1,
)
TERMINAL = ".!?…。！？｡．‼⁇⁈⁉؟۔।॥።"
QUOTES = "\"'”’»」』"
CLOSERS = QUOTES + ")]"
GOPHER_STOP_WORDS = ["the", "be", "to", "of", "and", "that", "have", "with"]
CITATIONS_AT_END = regex.compile(r"(\[\d*]|\[edit]|\[citation needed]|\[编辑]|\[来源请求])+$")
POLICIES = (
    "terms of use", "privacy policy", "cookie policy", "use cookies", "uses cookies", "use of cookies",
    "隐私政策", "使用条款",
)  # fmt: skip


def words_of(text: str) -> list[str]:
    return WORD.findall(text)


def is_proper(word: str) -> bool:
    return not set(word) <= marks.PUNCTUATION


def share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def repeated(pieces: list[str]) -> list[str]:
    seen, again = set(), []
    for piece in pieces:
        (again.append if piece in seen else seen.add)(piece)
    return again


def top_ngram(text: str, n: int, counting: str) -> float:
    found = list(WORD.finditer(text))
    grams = [tuple(match.group() for match in found[i : i + n]) for i in range(len(found) - n + 1)]
    counts = Counter(grams)
    if not counts or (counting == "paper" and max(counts.values()) < 2):
        return 0.0
    gram, count = counts.most_common(1)[0]
    first = grams.index(gram)
    length = len(" ".join(gram))
    if counting == "paper":
        length = found[first + n - 1].end() - found[first].start()
    return min(count * length / len(text), 1.0)


def duplicate_ngrams(text: str, n: int, counting: str) -> float:
    words, seen, covered, i = words_of(text), set(), set(), 0
    while i < len(words) - n + 1:
        gram = tuple(words[i : i + n])
        if gram in seen:
            covered.update(range(i, i + n))
            i += n if counting == "datatrove" else 1
        else:
            seen.add(gram)
            i += 1
    return share(sum(len(words[i]) for i in covered), len(text))


def sentence_ends(text: str) -> list[int]:
    ends = []
    for i, character in enumerate(text):
        following = text[i + 1] if i + 1 < len(text) else "\n"
        closed = character in "。！？｡．" or following.isspace() or following in CLOSERS
        if closed and character in TERMINAL and following not in TERMINAL:
            ends.append(i)
    return ends


def sentences_of(line: str) -> int:
    proper = [match.start() for match in WORD.finditer(line) if is_proper(match.group())]
    return 1 + sum(end < max(proper, default=0) for end in sentence_ends(line))


def is_closed(line: str) -> bool:
    bare = CITATIONS_AT_END.sub("", line)
    return bare != "" and bare[-1] in TERMINAL + QUOTES and not bare.endswith(("...", "…"))


def c4(text: str) -> dict[str, float]:
    lines, words = lines_of(text), words_of(text)
    left = [line for line in lines if is_closed(line) and len(words_of(line)) >= 3]
    left = [line for line in left if all(len(word) <= 1000 for word in words_of(line))]
    plain = [line for line in left if "lorem ipsum" not in line.lower()]
    unscripted = [line for line in plain if "javascript" not in line.lower()]
    kept = [line for line in unscripted if not any(policy in line.lower() for policy in POLICIES)]
    lowered = text.lower().split("\n")
    return {
        "c4_terminal_lines": share(sum(map(is_closed, lines)), len(lines)),
        "c4_short_lines": share(sum(len(words_of(line)) < 5 for line in lines), len(lines)),
        "c4_sentences": len(sentence_ends(text)),
        "c4_longest_word": max(map(len, words), default=0),
        "c4_curly_brackets": text.count("{"),
        "c4_javascript_lines": share(sum("javascript" in line for line in lowered), len(lines)),
        "c4_policy_lines": share(sum(any(p in line for p in POLICIES) for line in lowered), len(lines)),
        "c4_lorem_ipsum": sum("lorem ipsum" in line for line in lowered),
        "c4_kept_lines": share(len(kept), len(lines)),
        "c4_kept_sentences": sum(map(sentences_of, kept)),
        "c4_kept_curly_brackets": sum("{" in line for line in unscripted),
        "c4_kept_lorem_ipsum": len(left) - len(plain),
    }


def fineweb(text: str, spaceless: bool) -> dict[str, float]:
    lines = [line for line in text.split("\n") if line.strip()]
    quoted = tuple(mark + closer for mark in marks.STOPS for closer in "”’」』") if spaceless else ()
    closed = [line for line in lines if line.endswith((*marks.STOPS, *quoted))]
    return {
        "fineweb_punctuated_lines": share(len(closed), len(lines)),
        "fineweb_short_lines": share(
            sum(len(line) <= (10 if spaceless else 30) for line in lines), len(lines)
        ),
        "fineweb_dup_line_characters": share(sum(map(len, repeated(lines))), len(text.replace("\n", ""))),
        "fineweb_newlines_per_word": share(text.count("\n"), len(words_of(text))),
    }


def repetition(text: str, counting: str) -> dict[str, float]:
    pieces = {"paragraph": regex.split("\n{2,}", text.strip()), "line": regex.split("\n+", text)}
    values = {}
    for name, found in pieces.items():
        again = repeated(found)
        values[f"repetition_dup_{name}_fraction"] = share(len(again), len(found))
        values[f"repetition_dup_{name}_characters"] = share(sum(map(len, again)), len(text))
    values.update({f"repetition_top_{n}gram": top_ngram(text, n, counting) for n in (2, 3, 4)})
    values.update({f"repetition_dup_{n}gram": duplicate_ngrams(text, n, counting) for n in range(5, 11)})
    return values


def gopher(text: str, stop_words: list[str] | None) -> dict[str, float | None]:
    words = words_of(text)
    proper = [word for word in words if is_proper(word)]
    lines = text.split("\n")
    lines = lines[:-1] if lines[-1] == "" else lines
    ellipses = text.count("...") + text.count("…")
    return {
        "gopher_words": len(proper),
        "gopher_mean_word_length": share(sum(map(len, proper)), len(proper)),
        "gopher_symbol_ratio": share(max(text.count("#"), ellipses), len(words)),
        "gopher_bullet_lines": share(sum(line.lstrip().startswith(("•", "-")) for line in lines), len(lines)),
        "gopher_ellipsis_lines": share(
            sum(line.rstrip().endswith(("...", "…")) for line in lines), len(lines)
        ),
        "gopher_alpha_words": share(sum(any(map(str.isalpha, word)) for word in words), len(words)),
        "gopher_stop_words": None if stop_words is None else len(set(words) & set(stop_words)),
    }


def reference(
    text: str, stop_words: list[str] | None, counting: str = "datatrove", spaceless: bool = False
) -> dict[str, float | None]:
    return {
        "characters": len(text),
        "words": len(words_of(text)),
        "lines": len(lines_of(text)),
        **gopher(text, stop_words),
        **repetition(text, counting),
        **c4(text),
        **fineweb(text, spaceless),
    }
