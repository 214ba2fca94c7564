"""How colours are seen."""

from __future__ import annotations

import numpy as np


def linear(colours: np.ndarray) -> np.ndarray:
    """Colours of sRGB by the light they send out."""
    return np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)


def contrast(*colours: tuple[float, float, float]) -> float:
    """The contrast of two colours by WCAG 2."""
    low, high = np.sort(linear(np.asarray(colours)) @ [0.2126, 0.7152, 0.0722])
    return float((high + 0.05) / (low + 0.05))
