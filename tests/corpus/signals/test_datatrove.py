"""The signals against datatrove, which built FineWeb; make_datatrove_golden.py made the table."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from textmill.config.annotate import Annotate
from textmill.corpus.signals import annotator
from textmill.corpus.signals.annotator import READS

GOLDEN = json.loads(Path(__file__).with_name("datatrove_golden.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("document", GOLDEN, ids=[row["text"][:12] for row in GOLDEN])
def test_signals_equal_datatrove(document):
    batch = pa.RecordBatch.from_arrays(
        [pa.array([document["text"]], pa.large_string()), pa.array(["en"])], schema=READS
    )
    (found,) = annotator(Annotate()).function(batch).to_pylist()
    for name, value in document["values"].items():
        if name.startswith("repetition_dup_") and name.endswith("gram"):
            # datatrove skips ahead n words behind a match and so misses the end of a longer repeated passage.
            assert found[name] >= value - 1e-6 and (found[name] == 0) == (value == 0), name
        else:
            assert found[name] == pytest.approx(value, abs=1e-6), name
