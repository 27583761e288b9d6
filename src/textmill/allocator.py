"""How the C library of this process gets its memory."""

from __future__ import annotations

import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def tune_allocator() -> bool:
    """Have glibc keep freed memory instead of returning it to the kernel each time.

    A training step, or a batch of documents, frees and takes the same large blocks again; with the default
    settings each of them is a fresh mapping whose pages fault one by one. See mallopt(3).

    Returns:
        Whether the settings were taken; elsewhere than on glibc nothing happens.
    """
    if sys.platform != "linux":
        return False
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(
        mallopt(key, value)
        for key, value in ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 1 << 28))
    )
