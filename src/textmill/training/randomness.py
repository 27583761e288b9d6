"""Random numbers that depend on where they are used, never on what was drawn before."""

from __future__ import annotations

import numpy as np


def generator(seed: int, *counters: int) -> np.random.Generator:
    """A generator for one purpose at one moment, such as (seed, stream, step).

    A resumed run therefore draws what an undisturbed run would have drawn.
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *counters])))
