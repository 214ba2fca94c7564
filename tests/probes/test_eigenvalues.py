"""The eigenvalues probe against matrices whose eigenvalues are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from harness.plugins.registry import registry
from harness.probes.eigenvalues import spectrum
from tests.conftest import Config
from tests.helpers.moments import moment_of


def measured(made: dict[str, Any], fill: float | None = None, **options: Any) -> pd.DataFrame:
    with torch.no_grad():
        return registry().get("probe", "eigenvalues")(**options).measure(moment_of(made, fill))


def test_of_a_jordan_block_one_step_does_more_than_many() -> None:
    found = spectrum(np.array([[0.5, 3.0], [0.0, 0.5]]))
    np.testing.assert_allclose(found["re"], 0.5)
    np.testing.assert_allclose(found["im"], 0)
    # Singular values of [[a, b], [0, a]]: their squares add up to 2a² + b², their product is a².
    np.testing.assert_allclose(np.square(found["singular_value"]).sum(), 9.5)
    np.testing.assert_allclose(np.prod(found["singular_value"]), 0.25)
    assert found["departure"] == pytest.approx(3 / np.sqrt(9.5))


def test_a_rotation_is_normal_and_on_the_circle() -> None:
    c, s = np.cos(0.3), np.sin(0.3)
    found = spectrum(2 * np.array([[c, -s], [s, c]]))
    np.testing.assert_allclose(found["modulus"], 2)
    np.testing.assert_allclose(np.abs(np.angle(found["re"] + 1j * found["im"])), 0.3)
    np.testing.assert_allclose(found["singular_value"], 2)
    assert found["departure"] == 0


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_matrices_of_any_size_are_measured(size: float) -> None:
    found = spectrum(size * np.array([[1.0, 1.0], [0.0, 0.5]]))
    np.testing.assert_allclose(found["modulus"] / size, [1, 0.5])
    assert found["departure"] == pytest.approx(1 / 1.5)


def test_of_nothing_and_of_what_is_not_finite() -> None:
    assert spectrum(np.zeros((3, 3)))["departure"] == 0
    for wrong in (np.nan, np.inf):
        found = spectrum(np.full((3, 3), wrong))
        assert all(np.isnan(found[name]).all() for name in ("re", "im", "modulus", "singular_value", "departure"))


def test_the_jacobian_of_a_linear_cell_is_its_matrix(config: Config) -> None:
    found = measured(config(cell="linear", weight_scale=[0.9, 1.3], init="gaussian"))
    own = found.pivot(index=["member", "number"], columns="matrix", values="modulus")
    np.testing.assert_allclose(own.W1, own.J, rtol=1e-9)


def test_an_orthogonal_matrix_lies_on_a_circle(config: Config) -> None:
    found = measured(config(cell="rnn", weight_scale=1.3)).query("matrix == 'W1'")
    np.testing.assert_allclose(found.modulus, 1.3)
    np.testing.assert_allclose(found.singular_value, 1.3)
    assert (found.departure == 0).all()


def test_every_recurrent_block_has_its_own_spectrum(config: Config) -> None:
    found = measured(config(cell="lstm", num_layers=2))
    assert set(found.matrix) == {"W1", "W2", "W3", "W4", "J"}
    assert found.groupby(["layer", "matrix"]).size().to_dict() == {
        (layer, name): 12 if name == "J" else 6 for layer in (1, 2) for name in ("W1", "W2", "W3", "W4", "J")
    }


def test_factors_of_a_linear_recurrence_are_its_eigenvalues(config: Config) -> None:
    found = measured(config(cell={"name": "lru", "r_min": 0.8, "r_max": 0.9}))
    factors, step = found.query("matrix == 'W1'"), found.query("matrix == 'J'")
    assert factors.modulus.between(0.8, 0.9).all()
    assert factors.im.abs().max() > 0
    # As a real matrix of the parts re and im it has each factor and its conjugate.
    np.testing.assert_allclose(step.modulus, factors.modulus.to_numpy().repeat(2), rtol=1e-9)


def test_the_jacobian_is_that_of_the_step_that_is_asked_for(config: Config) -> None:
    middle, later = measured(config(cell="rnn")), measured(config(cell="rnn"), at=7)
    assert set(middle.query("matrix == 'J'").t) == {5}
    assert set(later.query("matrix == 'J'").t) == {7}
    assert set(measured(config(), at=99).query("matrix == 'J'").t) == {8}


def test_without_memory_a_step_keeps_nothing(config: Config) -> None:
    found = measured(config(cell="feedforward"))
    assert set(found.matrix) == {"J"}
    assert (found.modulus == 0).all()


@pytest.mark.parametrize("fill", [np.inf, np.nan])
def test_weights_that_are_not_finite_have_no_spectrum(config: Config, fill: float) -> None:
    found = measured(config(cell="gru"), fill)
    assert found[["re", "modulus", "singular_value", "departure"]].isna().all(axis=None)
