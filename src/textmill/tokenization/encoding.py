"""Text to token ids, fast, and provably the ids that the tokenizers library gives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.corpus.engines.threads import usable_cores
from textmill.errors import UserError

if TYPE_CHECKING:
    import gigatoken
    from tokenizers import Tokenizer

Ids = tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]
Texts: TypeAlias = "Sequence[str] | pa.Array | pa.ChunkedArray"


RENEWED_AFTER = 32 << 20
"""Bytes of text after which gigatoken starts anew: it remembers every distinct word that it has seen, about
200 bytes each, and nothing bounds them. To learn the frequent ones again takes a few hundredths of the
time."""


class Encoder:
    """Encodes batches of texts to flat ids and offsets.

    A text that spells a special token, such as a docstring about ``<pad>``, is encoded as the characters
    it is: no document can inject a control token. gigatoken knows no Unigram models; these are always
    encoded by tokenizers.
    """

    def __init__(self, tokenizer: Tokenizer, library: str = "gigatoken", parallel: bool | None = None):
        """Args: the tokenizer, the library, and whether gigatoken uses all cores, which changes no id.

        None is yes where there are more than two: on fewer, threads that do other work use them better.
        gigatoken does one batch at a time, however many threads ask.
        """
        from tokenizers import Tokenizer as Copy

        self._tokenizer, self._library = tokenizer, library
        serialized = tokenizer.to_str()
        self._reference = Copy.from_str(serialized)
        self._reference.encode_special_tokens = True
        self._parallel = usable_cores() > 2 if parallel is None else parallel
        self._fast: gigatoken.Tokenizer | None = None
        self._settings, self._seen, self._lock = "", 0, Lock()
        settings = json.loads(serialized)
        if library == "gigatoken" and settings["model"]["type"] == "BPE":
            settings["added_tokens"], settings["post_processor"] = [], None
            self._settings = json.dumps(settings)
            self._start_anew()

    def _start_anew(self) -> None:
        import gigatoken

        self._fast = None  # else both are in memory for a moment
        self._fast, self._seen = gigatoken.Tokenizer.from_json(self._settings), 0

    def __reduce__(self) -> tuple[type[Encoder], tuple[Tokenizer, str, bool]]:
        return Encoder, (self._tokenizer, self._library, self._parallel)

    def encode(self, texts: Texts, check: int = 0) -> Ids:
        """Ids of all `texts` one after another (uint32) and where each starts, plus the end (int64).

        Args:
            texts: any Unicode text, best as an Arrow column, which gigatoken reads where it lies; an empty
                or missing text has no ids.
            check: how many of `texts`, evenly spaced, both libraries encode.

        Raises:
            UserError: the two libraries disagree on one of them.
        """
        column = _column(texts)
        if not self._settings:
            return self._encode_reference(column)
        import awkward

        batch = awkward.from_arrow(column)
        with self._lock:
            self._seen += column.nbytes
            if self._seen > RENEWED_AFTER:
                self._start_anew()
            assert self._fast is not None
            layout = self._fast.encode_batch(batch, parallel=self._parallel).layout
        ids, offsets = np.asarray(layout.content.data), np.asarray(layout.offsets.data)
        if check:
            self.compare(column, ids, offsets, check)
        return ids, offsets

    def _encode_reference(self, texts: pa.Array) -> Ids:
        rows = self._reference.encode_batch_fast(texts.to_pylist(), add_special_tokens=False)
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        ids = np.fromiter(chain.from_iterable(row.ids for row in rows), np.uint32, int(offsets[-1]))
        return ids, offsets

    def compare(
        self, texts: Texts, ids: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64], count: int
    ) -> None:
        """Encode `count` of `texts`, evenly spaced, with tokenizers too; nothing if that encoded them.

        Raises:
            UserError: `ids` and `offsets`, as `encode` gave them, are not what tokenizers gives.
        """
        if not self._settings or not len(texts):
            return
        texts, count = _column(texts), min(count, len(texts))
        chosen = np.arange(count) * (len(texts) - 1) // max(count - 1, 1)
        sample = texts.take(pa.array(chosen))
        expected, bounds = self._encode_reference(sample)
        for number, index in enumerate(chosen):
            found = ids[offsets[index] : offsets[index + 1]]
            if not np.array_equal(found, expected[bounds[number] : bounds[number + 1]]):
                raise UserError(
                    f"gigatoken and tokenizers encode the text {sample[number].as_py()[:60]!r} to different "
                    "ids. Set tokenize.encoder to tokenizers in params.yaml, and tell gigatoken's authors."
                )


def _column(texts: Texts) -> pa.Array:
    """`texts` as one Arrow array of large strings without nulls."""
    if isinstance(texts, pa.ChunkedArray):
        column = texts.chunk(0) if texts.num_chunks == 1 else texts.combine_chunks()
    else:
        column = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.large_string())
    if column.type != pa.large_string():
        column = column.cast(pa.large_string())
    return column.fill_null("") if column.null_count else column
