"""Attributions and attention as self-contained HTML: no scripts, no files beside it, nothing fetched."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from textmill.evaluation.attention import Attention
from textmill.evaluation.attributions import Attribution

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FOR, AGAINST = "0, 128, 80", "200, 30, 60"
CELL, LABEL = 9, 70

_STYLE = """
body { font: 15px/1.9 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
  color: #1b1f24; background: #fff; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
.row { border-top: 1px solid #d5dae0; padding: .8rem 0; } .meta { color: #57606a; font-size: .85rem; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; } .text span { border-radius: 3px; padding: .1em 0; }
.heads { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; } figcaption { font-size: .8rem; }
svg text { font: 8px ui-monospace, monospace; fill: #1b1f24; } image { image-rendering: pixelated; }
"""


def attribution_page(title: str, found: Sequence[Attribution]) -> str:
    """Every text with its words shaded: green for the label, red against it; scores show on hovering."""
    rows = "\n".join(_row(each) for each in found)
    note = (
        "Integrated gradients: what each word adds to the logit of the label, beside padding in its place. "
        f'<span style="background: rgba({FOR}, .5)">for the label</span> '
        f'<span style="background: rgba({AGAINST}, .5)">against it</span>'
    )
    return _page(title, f'<p class="meta">{note}</p>\n{rows}')


def _row(found: Attribution) -> str:
    largest = max((abs(word.score) for word in found.words), default=0.0) or 1.0
    pieces, place = [], 0
    for word in found.words:
        pieces.append(escape(found.text[place : word.start]))
        colour = f"rgba({FOR if word.score >= 0 else AGAINST}, {0.75 * abs(word.score) / largest:.3f})"
        pieces.append(
            f'<span style="background: {colour}" title="{word.score:+.4f}">{escape(word.text)}</span>'
        )
        place = word.end
    pieces.append(escape(found.text[place:]))
    answer = "answer" if found.is_predicted else "not the answer"
    meta = (
        f"{escape(found.label)} ({answer}), probability {found.probability:.3f}; logit {found.logit:+.3f}, "
        f"{found.baseline:+.3f} without words; the words add up to "
        f"{found.logit - found.baseline + found.error:+.3f}"
        + ("; the end of the text did not fit" if found.is_cut else "")
    )
    return f'<div class="row"><div class="meta">{meta}</div><div class="text">{"".join(pieces)}</div></div>'


def attention_page(title: str, text: str, found: Attention) -> str:
    """A heat map per layer and head: the token of a row looks at those of the columns."""
    sections = [f'<p class="text">{escape(text)}</p>']
    sections.append('<p class="meta">Row looks at column; the darker, the more. Each row sums to 1.</p>')
    for layer, heads in enumerate(found.weights, 1):
        maps = "\n".join(
            _head(f"layer {layer}, head {number}", found.tokens, weights)
            for number, weights in enumerate(heads, 1)
        )
        sections.append(f'<h2>Layer {layer}</h2>\n<div class="heads">{maps}</div>')
    return _page(title, "\n".join(sections))


def _head(caption: str, tokens: Sequence[str], weights: npt.NDArray[np.float32]) -> str:
    size = CELL * len(tokens)
    labels = []
    for number, token in enumerate(tokens):
        at = LABEL + CELL * number + CELL - 2
        shown = escape(token[:12])
        labels.append(f'<text x="{LABEL - 3}" y="{at}" text-anchor="end">{shown}</text>')
        labels.append(f'<text transform="translate({at},{LABEL - 3}) rotate(-90)">{shown}</text>')
    side = LABEL + size
    return (
        f'<figure><svg width="{side}" height="{side}" role="img" aria-label="{caption}">{"".join(labels)}'
        f'<image x="{LABEL}" y="{LABEL}" width="{size}" height="{size}" href="{_image(weights)}"/></svg>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _image(weights: npt.NDArray[np.float32]) -> str:
    """A grey PNG of a pixel per cell as a data URL: white for 0, black for 1."""
    import numpy as np

    grey = (255 - np.clip(np.rint(weights * 255), 0, 255)).astype(np.uint8)
    height, width = grey.shape
    lines = b"".join(b"\0" + line.tobytes() for line in grey)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return "data:image/png;base64," + base64.b64encode(content).decode()


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )
