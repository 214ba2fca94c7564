"""Random streams that depend on a seed and on names, never on the order of runs or on what runs beside them."""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, *names: object) -> np.random.Generator:
    """The random stream of this seed and these names, e.g. ``stream(0, "weights", "layer1", "recurrent")``."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    words = np.frombuffer(digest, dtype=np.uint32).tolist()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))
