"""A device that is not there is said to be missing, with what to do."""

from __future__ import annotations

import pytest

from textmill.errors import UserError
from textmill.training.device import placed


def test_a_missing_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"device: cuda.*no CUDA device.*device: cpu"):
        placed(torch.nn.Linear(2, 2), "cuda")
    assert placed(torch.nn.Linear(2, 2), "cpu").weight.device.type == "cpu"
