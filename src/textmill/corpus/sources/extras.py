"""Packages that only some formats need."""

from __future__ import annotations

import importlib.util

from textmill.errors import UserError


def needs(module: str, what: str, extra: str = "documents") -> None:
    """Make sure that an optional package is installed.

    Raises:
        UserError: it is not; the message says how to install it.
    """
    if importlib.util.find_spec(module) is None:
        raise UserError(f"{what} need the extra `{extra}`: pip install 'textmill[{extra}]'.")
