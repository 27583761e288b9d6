"""Language identification on documents whose language is known, beside py3langid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from benchmarks.languages import CHARACTERS, LANGUAGES, PER_LANGUAGE, documents
from benchmarks.processes import compared

TITLE = "Language identification"
NOTE = (
    "Messages of the catalogs of Django, Wagtail, Sphinx, django-oscar, django CMS, django-allauth and "
    f"Django REST framework, joined to documents of about {CHARACTERS} characters, at most {PER_LANGUAGE} "
    f"per language, in the {len(LANGUAGES)} most spoken languages of which these catalogs give fifty "
    f"documents or more, but for Malay: {', '.join(LANGUAGES)}. Malay is left out because it is confused "
    "with Indonesian, so accuracy with it would be lower. English is the original messages. Neither "
    "detector is told which languages there are: textmill asks fastText's lid.176 about all of its 176, "
    "py3langid (`classify`) tells 97 apart. textmill looks at 300 characters or 450 bytes, py3langid at "
    "everything."
)
SPEED, ACCURACY = 12_000, 0.999


def ours(documents: dict[str, list[str]]) -> Callable[[], list[list[str]]]:
    """`detect`, the model loaded."""
    from textmill.corpus.cleaning.language import detect

    detect(["One sentence loads the model."])
    return lambda: [detect(each)[0] for each in documents.values()]


def py3langid(documents: dict[str, list[str]]) -> Callable[[], list[list[str]]]:
    """`classify`, the model loaded."""
    from py3langid import classify

    classify("One sentence loads the model.")
    return lambda: [[classify(text)[0] for text in each] for each in documents.values()]


def rows() -> list[tuple[str, str, str, str]]:
    """(claim, goal, measured, met) for speed, accuracy, confusions and each language."""
    texts = documents()
    counts = {language: len(each) for language, each in texts.items()}
    total = sum(counts.values())
    costs = compared({"ours": (ours, (texts,)), "py3langid": (py3langid, (texts,))}, rounds=5)
    wrong = {name: _confusions(cost.value) for name, cost in costs.items()}
    speed = {name: total / cost.cpu for name, cost in costs.items()}
    accuracy = {name: 1 - sum(found.values()) / total for name, found in wrong.items()}
    return [
        (
            f"documents per CPU second, {total:,} documents",
            f"≥ {SPEED:,}",
            f"{speed['ours']:,.0f}, py3langid {speed['py3langid']:,.0f}",
            _met(speed["ours"] >= SPEED),
        ),
        (
            f"accuracy on {len(LANGUAGES)} languages",
            f"≥ {ACCURACY:g}",
            f"{accuracy['ours']:.4f}, py3langid {accuracy['py3langid']:.4f}",
            _met(accuracy["ours"] >= ACCURACY),
        ),
        ("confusions", "–", f"{_listed(wrong['ours'])}; py3langid: {_listed(wrong['py3langid'])}", "–"),
        *(
            (
                f"accuracy on {language} ({count} documents)",
                "–",
                ", ".join(
                    f"{name if name != 'ours' else ''} {_share(wrong[name], language, count):.4f}".strip()
                    for name in costs
                ),
                "–",
            )
            for language, count in counts.items()
        ),
    ]


def _confusions(found: list[list[str]]) -> Counter[tuple[str, str]]:
    return Counter(
        (language, answer)
        for language, answers in zip(LANGUAGES, found, strict=True)
        for answer in answers
        if answer != language
    )


def _share(wrong: Counter[tuple[str, str]], language: str, count: int) -> float:
    return 1 - sum(times for (truth, _), times in wrong.items() if truth == language) / count


def _listed(wrong: Counter[tuple[str, str]]) -> str:
    worst = [f"{truth} as {answer} {count}×" for (truth, answer), count in wrong.most_common(6)]
    return ", ".join(worst) or "none"


def _met(true: bool) -> str:
    return "yes" if true else "no"
