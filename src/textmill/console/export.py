"""`textmill export`: a model in another runtime's format."""

from __future__ import annotations

from pathlib import Path

from textmill.console.models import directory_of


def export(model: str, to: str, target: Path) -> None:
    """Write the export, and say what was written and how far its logits are off.

    Raises:
        UserError: see `textmill.modeling.exports.export`.
    """
    from textmill.modeling.exports import export as export_model

    done = export_model(directory_of(model), to, target)
    print(f"{done.model} as {to} in {done.directory}: {', '.join(done.files)} ({done.size / 1e6:,.1f} MB)")
    print(f"largest difference of a logit from the PyTorch model: {done.difference:.1e} (at most 1e-04)")
