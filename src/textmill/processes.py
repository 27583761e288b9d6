"""Processes that do not outlive the one that started them."""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends (Linux prctl(2), PR_SET_PDEATHSIG).

    The parent may already have died between fork and this call; then the process ends here.
    Elsewhere than on Linux this does nothing.
    """
    if sys.platform != "linux":
        return
    import ctypes

    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent == 1 and os.environ.get("TEXTMILL_PARENT_IS_INIT") != "1" or os.getppid() != parent:
        os._exit(1)
