"""Lines that are furniture of a web page and not its text, in English and Chinese.

A pattern looks at one short line as a whole, so that prose that mentions a phrase stays. The kinds are those
that Kohlschütter et al. (2010, https://doi.org/10.1145/1718487.1718542) name as boilerplate.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

PACKAGED_FILES = ("boilerplate.yaml",)
KINDS = ("navigation", "click", "share", "copyright", "related", "comments", "byline")
"""The kinds of lines, in the order in which they are tried."""
LONGEST = 120
"""Characters of the longest line that is looked at."""

_AROUND = r"[ \t«»‹›<>←→↑|·•*#＞＜【】\[\]()-]*"
_END = r"[.!…:：。！]*[ \t]*"


@cache
def patterns() -> dict[str, str]:
    """For each of `KINDS` what such a line looks like (RE2, to be matched in any case)."""
    path = Path(__file__).with_name(PACKAGED_FILES[0])
    phrases = YAML(typ="safe").load(path)
    lines = {kind: [each for language in phrases[kind].values() for each in language] for kind in KINDS}
    return {kind: f"^{_AROUND}(?:{'|'.join(lines[kind])}){_AROUND}{_END}$" for kind in KINDS}
