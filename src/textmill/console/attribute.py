"""`textmill attribute`: which words made a classifier decide, and where its heads look."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from textmill.console.models import directory_of
from textmill.console.screen import coloured, console, counted
from textmill.errors import UserError
from textmill.evaluation.attributions import Attribution, Explainer
from textmill.files import replacing
from textmill.progress import Progress

NAMED = 5
"""Words that the terminal names on either side."""


@dataclass(frozen=True)
class Request:
    """What is asked, as the options of the command say it."""

    model: str
    texts: tuple[str, ...] = ()
    rows: Path | None = None
    limit: int = 20
    label: str | None = None
    html: Path | None = None
    attention: Path | None = None
    threads: int = 1
    as_json: bool = False


def attribute(request: Request) -> None:
    """Explain each text in the terminal, as JSON, or as a page; draw the attention on the first.

    Raises:
        UserError: there are no texts, the file has none, or the model is no classifier.
    """
    texts = [*request.texts, *(_read(request.rows, request.limit) if request.rows else [])]
    if not texts:
        raise UserError("expected texts: give --text (several times if you like) or --rows FILE.")
    directory = directory_of(request.model)
    if request.attention is not None:
        _draw_attention(request, str(directory), texts[0])
        if request.html is None and not request.as_json:
            return
    explainer = Explainer(directory, threads=request.threads)
    found = []
    with Progress("attribute", len(texts), "texts") as progress:
        for text in texts:
            found.append(explainer.explain(text, request.label))
            progress.advance()
    if request.html is not None:
        from textmill.console.attribution_page import attribution_page

        _write(request.html, attribution_page(f"What {request.model} went by", found))
        print(f"{request.html}: {counted(len(found), 'text')}")
    if request.as_json:
        print(json.dumps([asdict(each) for each in found], ensure_ascii=False))
    elif request.html is None:
        for each in found:
            show(each, console())


def _draw_attention(request: Request, directory: str, text: str) -> None:
    from textmill.console.attribution_page import attention_page
    from textmill.evaluation.attention import attention_of

    assert request.attention is not None
    found = attention_of(directory, text, threads=request.threads)
    _write(request.attention, attention_page(f"Attention of {request.model}", text, found))
    layers, heads = found.weights.shape[:2]
    print(f"{request.attention}: {layers} layers with {heads} heads on {len(found.tokens)} tokens")


def show(found: Attribution, screen: Console) -> None:
    """Print one attribution: the text in colours where there are any, and the words that weigh most."""
    answer = "" if found.is_predicted else ", which is not its answer"
    screen.print(f"{found.label}{answer}: probability {found.probability:.3f}, logit {found.logit:+.3f}")
    if coloured(screen):
        screen.print(shaded(found))
    else:
        screen.print(found.text)
    for name, sign in (("for", 1), ("against", -1)):
        words = sorted((word for word in found.words if sign * word.score > 0), key=lambda w: -abs(w.score))
        if words:
            named = ", ".join(f"{word.text} {word.score:+.3f}" for word in words[:NAMED])
            screen.print(Text(f"  {name}: {named}", style="green" if sign > 0 else "red"))
    if found.is_cut:
        screen.print("  the end of the text does not fit into the model")
    screen.print()


def shaded(found: Attribution) -> Text:
    """The text, green where words speak for the label, red where they speak against it."""
    text = Text(found.text)
    largest = max((abs(word.score) for word in found.words), default=0.0) or 1.0
    for word in found.words:
        weight = abs(word.score) / largest
        if weight >= 0.05:
            strength = int(40 + 160 * weight)
            colour = f"rgb(0,{strength},60)" if word.score > 0 else f"rgb({strength},0,40)"
            text.stylize(f"white on {colour}", word.start, word.end)
    return text


def _read(file: Path, limit: int) -> list[str]:
    """The first `limit` texts of a Parquet file (column input), JSON lines (key input or text) or lines.

    Raises:
        UserError: the file is missing, or a row has no text.
    """
    if not file.is_file():
        raise UserError(f"{file}: not found; expected .parquet, .jsonl, or text with a line each.")
    if file.suffix == ".parquet":
        from textmill.corpus.shards import read_table

        table = read_table(file, ["input"])
        if "input" not in table.column_names:
            raise UserError(
                f"{file}: expected a column input, found {', '.join(table.column_names) or 'none'}."
            )
        return [str(text) for text in table["input"].slice(0, limit).to_pylist()]
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()][:limit]
    if file.suffix != ".jsonl":
        return lines
    return [_of_json(file, number, line) for number, line in enumerate(lines, 1)]


def _of_json(file: Path, number: int, line: str) -> str:
    try:
        row = json.loads(line)
        found = row.get("input", row.get("text"))
    except (ValueError, AttributeError):
        found = None
    if not isinstance(found, str):
        raise UserError(
            f"{file}: line {number}: expected JSON with a text under input or text, found {line[:80]}"
        )
    return found


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
