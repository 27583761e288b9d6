"""Great Expectations, imported without telemetry and out of the way of garbage collection."""

from __future__ import annotations

import gc
import logging
import os
import sys


def import_library() -> None:
    """Import Great Expectations, which takes seconds, so that what follows is fast.

    The import makes hundreds of thousands of objects that live until the process ends. They are taken out of
    garbage collection, which would go through all of them again each time: a fifth of the gate's time.
    """
    if "great_expectations" in sys.modules:
        return
    # The variable must be set before the import: the library reads it only then.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    import great_expectations  # noqa: F401

    gc.freeze()
