"""The plugins that come with the harness, as parameters of a test."""

from __future__ import annotations

from typing import Any

import pytest

from harness.plugins.registry import registry

CHEAP: dict[str, dict[str, Any]] = {
    "memory": {"samples": 30, "folds": 2, "steps": 2},
    "jacobian": {"samples": 1, "lags": 3, "keep": 2},
    "lyapunov": {"steps": 20, "warm_up": 5, "blocks": 2},
    "log_gradient": {"lags": 4},
    "perturbation": {"lags": 3, "samples": 2, "directions": 2},
    "curvature": {"samples": 4, "iterations": 3},
}
"""Options with which probes are checked, by name, where those by default take long."""


def every(kind: str) -> list[Any]:
    """The plugins of a kind, each under its name."""
    return [pytest.param(plugin, id=plugin.name) for plugin in registry().of_kind(kind)]
