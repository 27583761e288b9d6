"""Accept a corpus: its profile becomes what the next one is compared with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from textmill.corpus.validation.profile import read_profile
from textmill.errors import UserError
from textmill.files import read_json, write_json

REPORT, PROFILE = "reports/validation.json", "reports/profile.json"
KEPT, KEPT_PROFILE = ".textmill/validation.json", ".textmill/profile.json"
FILE = "profile.json"


def accepted_profile(directory: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The profile accepted last, or None if there is none yet.

    Raises:
        UserError: the file is damaged.
    """
    return read_profile(Path(directory) / FILE)


def accept(root: str | os.PathLike[str], directory: str, drifted: bool = False) -> Path:
    """Copy the profile of the validated corpus to `directory`, which git tracks.

    Args:
        root: the repository.
        directory: as `validate.accepted` says, relative to `root`.
        drifted: take a corpus that failed for nothing but its drift, too.

    Returns:
        The file that was written, relative to `root`.

    Raises:
        UserError: nothing was validated, or validation failed (for more than drift).
    """
    base = Path(root)
    report, source = _json(base / REPORT), PROFILE
    if report is None or not report["passed"]:
        # DVC may have removed what a failed stage wrote; its copies say what failed.
        report, source = _json(base / KEPT) or report, KEPT_PROFILE
    current = read_profile(base / source)
    if report is None or current is None:
        raise UserError(
            f"{PROFILE}: not found; expected what the validate stage writes. Run `textmill run validate`."
        )
    if not report["passed"]:
        _refuse_failed(report, drifted)
    write_json(base / directory / FILE, current)
    return Path(directory) / FILE


def _refuse_failed(report: dict[str, Any], drifted: bool) -> None:
    wrong = [entry for entry in report["expectations"] if not entry["passed"]]
    other = [entry["name"] for entry in wrong if entry["frame"] != "drift"]
    if other:
        raise UserError(
            f"{KEPT}: the corpus did not pass validation: {'; '.join(other)}. Only a corpus that passes can "
            "be accepted. Correct it and run the validate stage."
        )
    if not drifted:
        names = "; ".join(entry["name"] for entry in wrong)
        raise UserError(
            f"{KEPT}: the corpus drifted from the accepted one: {names}. "
            "If that is meant, accept it with --drifted."
        )


def _json(path: Path) -> Any:
    return read_json(path) if path.is_file() else None
