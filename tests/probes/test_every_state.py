"""Probes of the way back on cells with states of many kinds: matrices, complex numbers, parts of different widths."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from harness.plugins.registry import registry
from tests.helpers.moments import moment

OPTIONS: dict[str, dict[str, Any]] = {
    "attribution": {},
    "curvature": {"iterations": 3},
    "jacobian": {"lags": 2},
    "log_gradient": {},
    "lyapunov": {"steps": 6, "warm_up": 2, "blocks": 2},
    "perturbation": {"lags": 2},
    "signal": {},
    "weight_gradient": {},
}


@pytest.mark.parametrize("probe", OPTIONS)
@pytest.mark.parametrize("cell", ["lmu", "mamba", "s5", "phased_lstm"])
def test_in_residual_blocks_every_member_and_layer_is_measured(probe: str, cell: str) -> None:
    given = moment(cell, num_layers=2, block="residual", experiment="recall_dish", seed=[0, 1], samples=2)
    with torch.no_grad():
        found = registry().get("probe", probe)(**OPTIONS[probe]).measure(given)
    numbers = found.select_dtypes("float")
    assert sorted(found.member.unique()) == [0, 1]
    assert numbers.notna().any(axis=None)
    if "layer" in found:
        assert {1, 2} <= set(found.layer)
