"""The options of probes: what they are unless asked otherwise, and how far they go."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from harness.plugins.registry import registry
from tests.helpers.moments import moment
from tests.helpers.plugins import CHEAP, every

WITHIN: dict[str, tuple[Any, Any, Any]] = {
    "attribution.samples": (1, 1, 0),
    "attribution.answers": (40, 1, 0),
    "curvature.samples": (16, 1, 0),
    "curvature.iterations": (12, 1, 0),
    "dimension.samples": (256, 2, 1),
    "dimension.steps": (12, 1, 0),
    "eigenvalues.at": (None, 1, 0),
    "gates.samples": (2, 1, 0),
    "jacobian.samples": (2, 1, 0),
    "jacobian.lags": (24, 1, 0),
    "jacobian.keep": (4, 1, 0),
    "log_gradient.lags": (200, 2, 1),
    "lyapunov.noise": (1.0, 1e-9, 0.0),
    "lyapunov.steps": (200, 1, 0),
    "lyapunov.warm_up": (50, 0, -1),
    "lyapunov.samples": (1, 1, 0),
    "lyapunov.blocks": (10, 2, 1),
    "memory.samples": (500, 20, 19),
    "memory.folds": (2, 10, 11),
    "memory.steps": (12, 2, 1),
    "perturbation.epsilon": ([1e-3, 0.1, 1.0, 10.0], [1e-3], []),
    "perturbation.lags": (12, 1, 0),
    "perturbation.samples": (4, 1, 0),
    "perturbation.directions": (4, 1, 0),
    "saturation.limit": (0.1, 1e-9, 0.0),
    "saturation.steps": (12, 1, 0),
    "time_scales.steps": (50, 1, 0),
}
"""By probe and option: by default, at its end, and one beyond it."""

OTHERS = {"lyapunov.drive": "task", "memory.answers": "last", "weight_gradient.weights": []}
"""Options without ends."""


def test_all_options_are_looked_at_and_have_their_defaults() -> None:
    found = {
        f"{plugin.id}.{name}": value
        for plugin in every("probe")
        for name, value in registry().get("probe", plugin.id).defaults_of_options().items()
    }
    assert found == OTHERS | {name: default for name, (default, _, _) in WITHIN.items()}


@pytest.mark.parametrize("option", WITHIN)
def test_an_option_goes_as_far_as_it_says_and_no_further(option: str) -> None:
    probe, _, name = option.partition(".")
    made, (_, end, beyond) = registry().get("probe", probe), WITHIN[option]
    with pytest.raises(ValidationError, match=name):
        made(**{name: beyond})
    with torch.no_grad():
        found = made(**{**CHEAP.get(probe, {}), name: end}).measure(moment("lstm"))
    assert len(found)


@pytest.mark.parametrize(
    ("probe", "option", "beyond"),
    [("memory", "folds", 1), ("saturation", "limit", 1.0), ("perturbation", "epsilon", [0.1, 0.0]),
     ("perturbation", "epsilon", [0.1, -1.0]), ("perturbation", "epsilon", [0.1, float("inf")]),
     ("lyapunov", "drive", "music"), ("memory", "answers", "all")],
)  # fmt: skip
def test_what_lies_beyond_the_other_end_is_refused(probe: str, option: str, beyond: Any) -> None:
    with pytest.raises(ValidationError, match=option):
        registry().get("probe", probe)(**{option: beyond})
