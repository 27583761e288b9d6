"""Libraries that only exports need."""

from __future__ import annotations

import importlib.util

from textmill.errors import UserError


def needed(*modules: str) -> None:
    """Check that optional modules are installed.

    Raises:
        UserError: one is not; the message names the extra that brings it.
    """
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise UserError(f"{missing[0]} is not installed: pip install 'textmill[exports]'.")
