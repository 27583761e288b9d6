"""Stats frames of token shards: what is counted in the files, beside what tokenize says of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.errors import UserError
from textmill.files import read_json
from textmill.tokenization.packing import open_shards, shard_files
from textmill.tokenization.special import EOS, SPECIAL_TOKENS

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "validation")
_BLOCK = 1 << 24
TOKENS = pa.schema(
    [
        *((name, pa.string()) for name in ("split", "kind", "name")),
        *((name, pa.int64()) for name in ("documents", "distinct", "tokens", "bytes", "unknown", "longest")),
        ("shards", pa.int64()),
        ("miscounted", pa.int64()),
        *((name, pa.float64()) for name in ("token_share", "unknown_share", "bytes_per_token")),
        *((name, pa.float64()) for name in ("tokens_per_word", "tokens_per_character", "partial_share")),
    ]
)


class TokenFrames:
    """The frames by name, each computed when first asked for.

    - ``tokens``: a row per split and `kind`: ``all`` (`name` empty), ``language`` and ``source``.
      `documents` (copies counted), `distinct`, `tokens`, `bytes`, `unknown` tokens and `longest` document, as
      tokenize counted them; `token_share` of the split, `unknown_share`, `bytes_per_token`;
      `tokens_per_word`, `tokens_per_character` and `partial_share` as the tokenizer stage measured them on
      held-out documents (null where it did not). Rows of kind ``all`` also have `shards`, and
      `miscounted`: by how many tokens and documents the count differs from what the files hold.
    - ``token_shards``: a row per file: `split`, `shard`, `documents`, `tokens`, `longest` document, `empty`
      documents (nothing but the end), `unended` documents (without ``<eos>`` as their last token),
      `control_tokens` (special tokens elsewhere), `beyond_vocabulary` (ids that the tokenizer lacks).
    """

    def __init__(self, tokens: str | os.PathLike[str], tokenizer_report: str | os.PathLike[str]):
        """Args: the directory of token shards, and the report of the tokenizer stage."""
        self.tokens = Path(tokens)
        self._report: dict[str, Any] = _read(Path(tokenizer_report), "tokenizer")
        self._tables: dict[str, pa.Table] = {}

    def has(self, name: str) -> bool:
        """All frames are there always."""
        return True

    def frame(self, name: str) -> pd.DataFrame:
        """The frame as pandas, text columns as pandas strings."""
        return self.table(name).to_pandas()

    def table(self, name: str) -> pa.Table:
        """The frame as an Arrow table."""
        if name not in self._tables:
            self._tables[name] = {"tokens": self._counts, "token_shards": self._shards}[name]()
        return self._tables[name]

    def _shards(self) -> pa.Table:
        rows = []
        for split in SPLITS:
            folder = self.tokens / split
            shards = open_shards(folder)
            for path, ids, bounds in zip(shard_files(folder), shards.ids, shards.bounds, strict=True):
                facts = _shard_facts(ids, bounds, int(self._report["vocab_size"]))
                rows.append({"split": split, "shard": path.stem, **facts})
        return pa.Table.from_pylist(rows)

    def _counts(self) -> pa.Table:
        counted = _read(self.tokens / "tokens.json", "tokenize")
        held = (
            self.table("token_shards")
            .group_by("split")
            .aggregate([("tokens", "sum"), ("documents", "sum"), ("shard", "count")])
        )
        files = {row["split"]: row for row in held.to_pylist()}
        rows = []
        for split in SPLITS:
            total, found = counted[split], files[split]
            off = sum(abs(total[unit] - found[f"{unit}_sum"]) for unit in ("tokens", "documents"))
            whole = self._row(split, "all", "", total, total)
            rows.append({**whole, "shards": found["shard_count"], "miscounted": off})
            for kind, plural in (("language", "languages"), ("source", "sources")):
                for name, counts in total[plural].items():
                    measured = self._report.get(plural, {}).get(name, {})
                    rows.append({**self._row(split, kind, name, counts, total), **_known(measured)})
        return pa.Table.from_pylist(rows, TOKENS)

    def _row(
        self, split: str, kind: str, name: str, counts: dict[str, int], total: dict[str, int]
    ) -> dict[str, Any]:
        tokens = max(counts["tokens"], 1)
        return {
            "split": split,
            "kind": kind,
            "name": name,
            **{key: counts[key] for key in TOKENS.names if key in counts},
            "token_share": counts["tokens"] / max(total["tokens"], 1),
            "unknown_share": counts["unknown"] / tokens,
            "bytes_per_token": counts["bytes"] / tokens,
        }


def _known(measured: dict[str, Any]) -> dict[str, Any]:
    return {name: measured.get(name) for name in ("tokens_per_word", "tokens_per_character", "partial_share")}


def _shard_facts(
    ids: npt.NDArray[np.uint16], bounds: npt.NDArray[np.int64], vocabulary: int
) -> dict[str, int]:
    lengths = np.diff(bounds)
    ends = ids[bounds[1:][lengths > 0] - 1] == EOS
    special = beyond = 0
    for start in range(0, len(ids), _BLOCK):
        block = ids[start : start + _BLOCK]
        special += int((block < len(SPECIAL_TOKENS)).sum())
        beyond += int((block >= vocabulary).sum())
    return {
        "documents": len(lengths),
        "tokens": len(ids),
        "longest": int(lengths.max(initial=0)),
        "empty": int((lengths <= 1).sum()),
        "unended": len(lengths) - int(ends.sum()),
        "control_tokens": special - int(ends.sum()),
        "beyond_vocabulary": beyond,
    }


def _read(path: Path, stage: str) -> Any:
    try:
        return read_json(path)
    except FileNotFoundError:
        raise UserError(f"{path}: not found; expected what the {stage} stage writes.") from None
