"""Text to token ids, fast, and provably the ids that the tokenizers library gives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from textmill.errors import UserError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Ids = tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]


class Encoder:
    """Encodes batches of texts to flat ids and offsets.

    A text that spells a special token, such as a docstring about ``<pad>``, is encoded as the characters
    it is: no document can inject a control token.
    """

    def __init__(self, tokenizer: Tokenizer, library: str = "gigatoken"):
        from tokenizers import Tokenizer as Copy

        self._reference = Copy.from_str(tokenizer.to_str())
        self._reference.encode_special_tokens = True
        self._fast = None
        if library == "gigatoken":
            import gigatoken

            settings = json.loads(tokenizer.to_str())
            settings["added_tokens"], settings["post_processor"] = [], None
            self._fast = gigatoken.Tokenizer.from_json(json.dumps(settings))

    def encode(self, texts: Sequence[str], check: int = 0) -> Ids:
        """Ids of all `texts` one after another (uint32) and where each starts, plus the end (int64).

        Args:
            texts: any Unicode text; an empty text has no ids.
            check: how many of `texts`, evenly spaced, both libraries encode.

        Raises:
            UserError: the two libraries disagree on one of them.
        """
        if self._fast is None:
            return self._encode_reference(texts)
        import awkward

        rows = self._fast.encode_batch(list(texts))
        lengths = np.asarray(awkward.num(rows), np.int64)
        offsets = np.zeros(len(texts) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        ids = np.asarray(awkward.flatten(rows), np.uint32)
        if check and texts:
            self._compare(texts, ids, offsets, min(check, len(texts)))
        return ids, offsets

    def _encode_reference(self, texts: Sequence[str]) -> Ids:
        rows = self._reference.encode_batch_fast(list(texts), add_special_tokens=False)
        lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
        offsets = np.zeros(len(texts) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        ids = np.fromiter((token for row in rows for token in row.ids), np.uint32, int(offsets[-1]))
        return ids, offsets

    def _compare(
        self, texts: Sequence[str], ids: npt.NDArray[np.uint32], offsets: npt.NDArray, check: int
    ) -> None:
        chosen = np.unique(np.linspace(0, len(texts) - 1, check).astype(np.int64))
        expected, bounds = self._encode_reference([texts[index] for index in chosen])
        for number, index in enumerate(chosen):
            found = ids[offsets[index] : offsets[index + 1]]
            if not np.array_equal(found, expected[bounds[number] : bounds[number + 1]]):
                raise UserError(
                    f"gigatoken and tokenizers encode the text {texts[index][:60]!r} to different ids. "
                    "Set tokenize.encoder to tokenizers in params.yaml, and tell gigatoken's authors."
                )
