"""Personal data and secrets: found by form, masked or only counted.

E-mail, telephone and public IP are the types that FineWeb and Dolma mask (Penedo et al., 2024; Soldaini et
al., 2024); payment cards, bank accounts, resident identity numbers and secrets are confirmed by their check
digits and known forms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from textmill.config.clean import Pii
from textmill.corpus.cleaning.pii.bank import CREDIT_CARD, IBAN
from textmill.corpus.cleaning.pii.contact import EMAIL, PHONE
from textmill.corpus.cleaning.pii.kind import Kind
from textmill.corpus.cleaning.pii.network import IP
from textmill.corpus.cleaning.pii.resident import RESIDENT_ID
from textmill.corpus.cleaning.pii.secret import SECRET

KINDS: tuple[Kind, ...] = (SECRET, EMAIL, IBAN, RESIDENT_ID, CREDIT_CARD, IP, PHONE)
"""Where two items overlap, the kind that comes first here has it."""

TYPES = ("email", "phone", "ip", "credit_card", "resident_id", "iban", "secret")
"""The order of the columns ``pii_TYPE`` and of the counts that `mask` returns."""


class Item(NamedTuple):
    """An item in a text: its type and its half-open span in code points."""

    type: str
    start: int
    end: int


def wanted(options: Pii) -> tuple[Kind, ...]:
    """The kinds that `options` ask for, to mask or to count."""
    return tuple(kind for kind in KINDS if getattr(options, kind.name) != "ignore")


def find(text: str, kinds: Sequence[Kind] = KINDS) -> list[Item]:
    """The items of `kinds` in a text by position; none overlaps another."""
    found: list[Item] = []
    for kind in kinds:
        for start, end in kind.find(text):
            if all(end <= item.start or item.end <= start for item in found):
                found.append(Item(kind.name, start, end))
    return sorted(found, key=lambda item: item.start)


def mask(text: str, options: Pii, kinds: Sequence[Kind] | None = None) -> tuple[str, list[int]]:
    """Replace the items of the types that `options` mask by ``<TYPE>``, and count those of all wanted types.

    Args:
        text: any text.
        options: what to do with each type.
        kinds: where to look, if it is known that the text holds no others.

    Returns:
        The text and how many of each type were found, in the order of `TYPES`.
    """
    counts = [0] * len(TYPES)
    items = find(text, wanted(options) if kinds is None else kinds)
    if not items:
        return text, counts
    pieces, place = [], 0
    for item in items:
        counts[TYPES.index(item.type)] += 1
        if getattr(options, item.type) == "mask":
            pieces += [text[place : item.start], f"<{item.type.upper()}>"]
            place = item.end
    return "".join([*pieces, text[place:]]), counts


def add_counts(
    total: npt.NDArray[np.int32], found: npt.NDArray[np.int32], options: Pii
) -> npt.NDArray[np.int32]:
    """The counts of texts after another pass over them that found `found`, both of shape (…, `TYPES`).

    What is masked is gone at the next pass, what is only counted is found again.
    """
    masked = [getattr(options, name) == "mask" for name in TYPES]
    return np.where(masked, total + found, found)
