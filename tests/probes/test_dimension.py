"""The dimension probe against states of known covariance."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.plugins.registry import registry
from harness.probes import Moment
from harness.probes.dimension import dimensions
from harness.settings.members import members
from harness.training.building import build, streams
from tests.conftest import Config


def of_covariance(eigenvalues: list[float]) -> np.ndarray:
    """States whose covariance has exactly these eigenvalues, turned and moved at random."""
    rng, size = np.random.default_rng(0), len(eigenvalues)
    basis = np.linalg.qr(np.concatenate([np.ones((40, 1)), rng.standard_normal((40, size))], axis=1))[0][:, 1:]
    turned = np.linalg.qr(rng.standard_normal((size + 2, size + 2)))[0][:size]
    return basis * np.sqrt(eigenvalues) @ turned + 5


def test_of_a_known_covariance_both_have_their_closed_forms() -> None:
    found = dimensions(of_covariance([4, 1, 1]))
    shares = np.array([2, 1, 1]) / 4
    assert found[0] == pytest.approx(36 / 18)
    assert found[1] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))


@pytest.mark.parametrize("count", [1, 3, 5])
@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
def test_directions_that_vary_alike_are_counted(count: int, size: float) -> None:
    np.testing.assert_allclose(dimensions(size * of_covariance([1.0] * count)), count, rtol=1e-6)


def test_equal_states_have_no_direction_and_what_is_not_finite_has_no_number() -> None:
    assert dimensions(np.zeros((5, 3))) == dimensions(np.full((5, 3), 0.1)) == (0, 0)
    assert np.isnan(dimensions(np.full((5, 3), np.nan))).all()
    assert np.isnan(dimensions(np.array([[1.0], [np.inf]]))).all()


@torch.no_grad()
def test_what_is_measured_is_the_states_of_fresh_samples(config: Config) -> None:
    runs = members(config(cell="lstm", num_layers=2, seed=[0, 4]))
    moment = Moment(
        build(runs, torch.float64), streams(runs, "probe").next(3, torch.float64), runs[0].experiment, 0, [0, 4]
    )
    found = registry().get("probe", "dimension")(samples=150, steps=3).measure(moment)
    assert sorted(found.t.unique()) == [1, 5, 8]
    assert found.groupby(["member", "layer", "part"]).ngroups == 2 * 2 * 2
    assert (found[found.t == 1].participation_ratio == 0).all()  # every sentence begins with the same word
    data = moment.fresh(150, "dimension")
    states = moment.network.forward(data.inputs)[1].states["c"][1, 8].numpy()
    covariance = np.linalg.eigvalsh(np.cov(states.T))
    own = found[(found.member == 1) & (found.layer == 2) & (found.part == "c") & (found.t == 8)]
    assert own.participation_ratio.item() == pytest.approx(covariance.sum() ** 2 / (covariance**2).sum())
    assert own.units.item() == 6
