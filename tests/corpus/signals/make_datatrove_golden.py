"""Ask datatrove's filters about documents at their thresholds and write datatrove_golden.jsonl; run by hand.

    PYTHONPATH=src:. python -m tests.corpus.signals.make_datatrove_golden

Of each family of documents in boundaries.py those are kept between which the answer of a filter turns, and a
few ordinary ones. An answer is "" (keep) or the rule of ours that stands for datatrove's reason; null where
it has none.
"""

from __future__ import annotations

import json
import tempfile
from importlib.metadata import version
from pathlib import Path

from tests.corpus.signals.boundaries import CHINESE, ENGLISH, swept
from tests.corpus.signals.datatrove_peer import Filters, Words, settings

TARGET = Path(__file__).with_name("datatrove_golden.jsonl")


def main() -> None:
    """Write the table, one document a line, behind a line that names the version of datatrove."""
    with tempfile.TemporaryDirectory() as folder:
        annotate, _ = settings(Path(folder))
    filters = {each: Filters(each, annotate.stop_words[each], Words()) for each in ("en", "zh")}
    rows: dict[str, dict[str, object]] = {}
    before: tuple[str, str, dict[str, str | None]] | None = None
    for name, language, text in swept():
        answers, _ = filters[language](text)
        if before and before[0] == name and before[2] != answers:
            for each, answer in ((before[1], before[2]), (text, answers)):
                rows[each] = {"family": name, "lang": language, **answer, "text": each}
        before = (name, text, answers)
    for language, texts in (("en", ENGLISH), ("zh", CHINESE)):
        for text in texts:
            rows[text] = {"family": "prose", "lang": language, **filters[language](text)[0], "text": text}
    lines = [{"datatrove": version("datatrove")}, *rows.values()]
    encoded = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in lines)
    TARGET.write_text("\n".join(encoded) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
