"""Mix sources and languages by leaving documents out.

Every document draws a number from 0 to 1, the hash of its id and the seed. A weight keeps the draws below it;
a cap keeps the smallest draws. So a document's fate depends on no other, except where a cap cuts, and a
larger cap or weight keeps all that a smaller one kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xxhash

from textmill.config.mix import Part
from textmill.config.select import Select
from textmill.corpus.selection.catalogue import Catalogue, Verdict
from textmill.errors import UserError

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Kind:
    """`rule` of the ledger; each document's group; the groups' parts by their number."""

    rule: str
    group: Int64s
    names: list[str]
    parts: dict[int, Part]


def drop_for_mix(catalogue: Catalogue, params: Select, seed: int) -> None:
    """Drop what is above the weights and caps of sources, and then of languages.

    Raises:
        UserError: every source (or language) has a largest share, and they add up to less than 1.
    """
    if not params.rules.mix:
        return
    for kind in _kinds(catalogue, params):
        documents = np.flatnonzero(catalogue.kept & np.isin(kind.group, list(kind.parts)))
        if not len(documents):
            continue
        draw = draws(catalogue.ids[documents], f"{kind.rule}\0", seed)
        _weigh(catalogue, kind, documents, draw)
        _cap(catalogue, kind, documents, draw)


def draws(ids: npt.NDArray[np.bytes_], purpose: str, seed: int) -> Floats:
    """A number from 0 to 1 (exclusive) for each id, float64; another purpose or seed draws anew."""
    prefix = purpose.encode()
    keys = [xxhash.xxh3_64_intdigest(prefix + identity, seed=seed) >> 11 for identity in ids.tolist()]
    return np.array(keys, np.float64) / 2**53


def unknown_names(catalogue: Catalogue, params: Select) -> list[str]:
    """Names under `mix` that no document has, with the section's key."""
    known = {"sources": catalogue.sources, "languages": [name or "unknown" for name in catalogue.langs]}
    return [
        f"select.mix.{key}.{name}"
        for key, names in known.items()
        for name in getattr(params.mix, key)
        if name not in names
    ]


def _kinds(catalogue: Catalogue, params: Select) -> list[_Kind]:
    langs = [name or "unknown" for name in catalogue.langs]
    return [
        _Kind(rule, group, names, {names.index(name): part for name, part in parts.items() if name in names})
        for rule, group, names, parts in (
            ("mix.source", catalogue.source, catalogue.sources, params.mix.sources),
            ("mix.language", catalogue.lang, langs, params.mix.languages),
        )
    ]


def _weigh(catalogue: Catalogue, kind: _Kind, documents: Int64s, draw: Floats) -> None:
    for number, part in kind.parts.items():
        above = (kind.group[documents] == number) & (draw >= part.weight)
        verdict = Verdict(kind.rule, "select", f"{kind.names[number]}: draw < {part.weight:g}")
        catalogue.drop(documents[above], verdict, draw[above])


def _cap(catalogue: Catalogue, kind: _Kind, documents: Int64s, draw: Floats) -> None:
    left = catalogue.kept[documents]
    documents, draw = documents[left], draw[left]
    order = np.lexsort((catalogue.rank[documents], draw))
    documents, draw = documents[order], draw[order]
    members = {number: np.flatnonzero(kind.group[documents] == number) for number in kind.parts}
    sums = {number: np.cumsum(catalogue.characters[documents[rows]]) for number, rows in members.items()}
    cuts = {number: _cut(part, sums[number]) for number, part in kind.parts.items()}
    total = int(catalogue.characters[catalogue.kept].sum())
    for number, (count, limit) in _shared(kind, sums, cuts, total).items():
        rows = members[number][count:]
        verdict = Verdict(kind.rule, "select", f"{kind.names[number]}: at most {limit}")
        catalogue.drop(documents[rows], verdict, draw[rows])


def _cut(part: Part, sums: Int64s) -> tuple[int, str]:
    """How many documents the caps of a part leave, and the cap that binds."""
    cuts = [(len(sums), "")]
    if part.max_documents is not None:
        cuts.append((part.max_documents, f"{part.max_documents} documents"))
    if part.max_characters is not None:
        count = int(np.searchsorted(sums, part.max_characters, side="right"))
        cuts.append((count, f"{part.max_characters} characters"))
    return min(cuts, key=lambda cut: cut[0])


def _shared(
    kind: _Kind, sums: Mapping[int, Int64s], cuts: Mapping[int, tuple[int, str]], total: int
) -> dict[int, tuple[int, str]]:
    """The cuts with the largest shares taken into account.

    Shares are of what is kept in the end: a part at its share s of a corpus of T characters holds s·T, and T
    is the rest over 1 − the sum of such shares. Capping lowers T, which may bring more parts to their share.
    """
    held = {number: int(sums[number][count - 1]) if count else 0 for number, (count, _) in cuts.items()}
    total -= sum(int(sums[number][-1]) - held[number] for number in cuts if len(sums[number]))
    shares = {number: part.max_share for number, part in kind.parts.items() if part.max_share is not None}
    capped: set[int] = set()
    corpus = float(total)
    while more := {
        n for n, share in shares.items() if n not in capped and held[n] > share * corpus * (1 + 1e-12)
    }:
        capped |= more
        rest = total - sum(held[number] for number in capped)
        if not rest:
            _refuse(kind, shares)
        corpus = rest / (1 - sum(shares[number] for number in capped))
    found = dict(cuts)
    for number in capped:
        count = int(np.searchsorted(sums[number], shares[number] * corpus * (1 + 1e-12), side="right"))
        found[number] = (min(count, cuts[number][0]), f"{shares[number]:g} of the characters")
    return found


def _refuse(kind: _Kind, shares: Mapping[int, float]) -> None:
    section = {"mix.source": "sources", "mix.language": "languages"}[kind.rule]
    listed = ", ".join(f"{kind.names[number]} {share:g}" for number, share in shares.items())
    raise UserError(
        f"params.yaml: select.mix.{section}: largest shares of {listed} add up to {sum(shares.values()):g}, "
        "and nothing else is left; expected at least 1, or one without max_share."
    )
