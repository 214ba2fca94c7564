"""How weights start: by their moments, bounds and independence, as the documentation of `init` states them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from harness.cells import Parameter
from harness.cells.classic.rnn import RNN
from harness.cells.initial import GAINS, RECURRENT_INITS
from harness.engine.network import Network
from harness.engine.scan.plan import stored_per_step
from harness.engine.weights import Architecture, MemberInit, initial
from harness.plugins.registry import registry

SIZE = 64
ENTRIES = SIZE * SIZE


def weights(
    init: str, seeds: tuple[int, ...] = (0,), scale: float = 1.0, size: int = SIZE, layers: int = 2, features: int = 5
) -> dict[str, np.ndarray]:
    """By name the initial weights (members, …) of an LSTM."""
    cell = registry().get("cell", "lstm")()
    members = [MemberInit(cell, seed, init, scale) for seed in seeds]
    network = Network.create(Architecture(cell, features, size, layers, 3), members, torch.float64, "cpu")
    return {name: value.numpy() for name, value in network.weights.items()}


def blocks(found: dict[str, np.ndarray]) -> list[np.ndarray]:
    """All recurrent H×H blocks: of members, layers and gates."""
    named = [value for name, value in found.items() if name.endswith(".recurrent")]
    return [block for value in named for own in value for block in np.split(own, 4, axis=1)]


def test_identity_is_the_scale_on_the_diagonal_and_zero_elsewhere() -> None:
    for block in blocks(weights("identity", scale=0.7)):
        np.testing.assert_array_equal(block, 0.7 * np.eye(SIZE))


def test_orthogonal_blocks_keep_every_length_times_the_scale() -> None:
    for block in blocks(weights("orthogonal", scale=1.3)):
        np.testing.assert_allclose(block.T @ block, 1.3**2 * np.eye(SIZE), atol=1e-12)


def test_orthogonal_blocks_are_drawn_evenly_from_all_directions() -> None:
    """By Haar's measure the trace has mean 0 and variance 1, an entry mean 0, and turns are as frequent as mirrors."""
    found = np.stack(blocks(weights("orthogonal", seeds=tuple(range(100)), size=3)))
    count = len(found)
    traces = np.trace(found, axis1=1, axis2=2)
    assert abs(traces.mean()) < 4 / np.sqrt(count)
    assert traces.var() == pytest.approx(1, abs=0.2)
    assert (np.abs(found.mean(axis=0)) < 4 / np.sqrt(3 * count)).all()
    assert abs((np.linalg.det(found) > 0).mean() - 0.5) < 2 / np.sqrt(count)


@pytest.mark.parametrize(("init", "variance"), [("gaussian", 1 / SIZE), ("uniform", 1 / (3 * SIZE))])
def test_entries_have_mean_zero_and_the_documented_variance(init: str, variance: float) -> None:
    for block in blocks(weights(init, scale=2.0)):
        assert abs(block.mean()) < 4 * 2 * np.sqrt(variance / ENTRIES)
        assert block.var() == pytest.approx(4 * variance, rel=4 * np.sqrt(2 / ENTRIES))


def test_gaussian_entries_have_the_tails_of_a_normal_distribution() -> None:
    found = np.stack(blocks(weights("gaussian"))) * np.sqrt(SIZE)
    assert (np.abs(found) > 1.96).mean() == pytest.approx(0.05, abs=0.005)


def test_uniform_entries_fill_their_bounds() -> None:
    found, bound = np.stack(blocks(weights("uniform"))), 1 / np.sqrt(SIZE)
    assert -bound <= found.min() < -0.99 * bound
    assert bound >= found.max() > 0.99 * bound
    # A quarter of the numbers lies in each quarter of the interval.
    shares = np.histogram(found, 4, (-bound, bound))[0] / found.size
    np.testing.assert_allclose(shares, 0.25, atol=0.01)


class Diagonal(RNN):
    """A recurrence of every unit with itself alone, in two blocks."""

    name = "diagonal"

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {**super().parameters(input_size, hidden_size), "own": Parameter((2 * hidden_size,), "recurrent")}


@pytest.mark.parametrize(
    ("init", "variance", "least", "most"),
    [("orthogonal", 1.0, 1.0, 1.0), ("gaussian", 1.0, 0.0, 5.5), ("uniform", 1 / 3, 0.0, 1.0)],
)
def test_diagonals_are_drawn_as_diagonal_matrices_of_the_kind(
    init: str, variance: float, least: float, most: float
) -> None:
    """Orthogonal ones are signs, both as frequent; entries of the others do not grow smaller with the size."""
    size, parameter, member = 2000, Parameter((4000,), "recurrent"), MemberInit(Diagonal(), 0, init, 0.5)
    row = 2 * np.concatenate([initial(parameter, np.random.default_rng(seed), size, member) for seed in range(2)])
    count = len(row)
    assert abs(row.mean()) < 4 * np.sqrt(variance / count)
    assert (row**2).mean() == pytest.approx(variance, rel=4 * np.sqrt(2 / count))
    assert abs((row > 0).mean() - 0.5) < 2 / np.sqrt(count)
    assert least <= np.abs(row).min()
    assert 0.99 * min(most, 3.0) < np.abs(row).max() <= most
    one, other, again, _ = np.split(row, 4)
    for pair in ((one, other), (one, again)):
        assert abs(np.corrcoef(*pair)[0, 1]) < 5 / np.sqrt(size)


@pytest.mark.parametrize("init", sorted(GAINS))
def test_a_gain_is_by_how_much_a_random_matrix_lengthens_a_vector(init: str) -> None:
    matrix = RECURRENT_INITS[init](np.random.default_rng(5), 256)
    vectors = np.random.default_rng(6).standard_normal((256, 256))
    found = np.linalg.norm(matrix @ vectors) / np.linalg.norm(vectors)
    assert found == pytest.approx(GAINS[init], rel=0.01)


def test_a_diagonal_of_the_identity_is_the_scale() -> None:
    cell = Diagonal()
    members = [MemberInit(cell, 0, "identity", scale) for scale in (0.7, 1.1)]
    network = Network.create(Architecture(cell, 2, 3, 1, 2), members, torch.float64, "cpu", compiled=False)
    assert network.layer(1)["own"].tolist() == [[0.7] * 6, [1.1] * 6]


def test_a_diagonal_counts_in_the_spectral_radius_like_the_matrix_that_it_stands_for() -> None:
    cell = Diagonal()
    network = Network.create(
        Architecture(cell, 2, 3, 1, 2), [MemberInit(cell, 0, "identity", 0.7)] * 2, torch.float64, "cpu", compiled=False
    )
    assert network.spectral_radius() == [0.7, 0.7]
    network.layer(1)["own"][1] = torch.tensor([0.1, 0.2, 0.3, -1.5, 0.5, 1.2])
    np.testing.assert_allclose(network.spectral_radius(), [0.7, 1.5])


def test_a_network_in_another_precision_or_of_some_members_is_a_copy() -> None:
    cell = RNN()
    members = [MemberInit(cell, seed, "gaussian", 1.0) for seed in (0, 1)]
    network = Network.create(Architecture(cell, 2, 3, 1, 2), members, torch.float64, "cpu", compiled=False)
    before = network.flat.clone()
    for copied in (network.to(torch.float64), network.only([0, 1])):
        assert torch.equal(copied.flat, before)
        copied.flat += 1
    assert torch.equal(network.flat, before)
    assert network.to(torch.float32).flat.dtype == torch.float32


@pytest.mark.parametrize("features", [5, 200])
def test_other_matrices_are_uniform_within_the_root_of_the_hidden_size_whatever_enters(features: int) -> None:
    found, bound = weights("orthogonal", scale=3.0, features=features), 1 / np.sqrt(SIZE)
    assert found["layer1.input"].shape == (1, features, 4 * SIZE)
    assert found["layer2.input"].shape == (1, SIZE, 4 * SIZE)
    assert found["readout.weight"].shape == (1, SIZE, 3)
    for name in ("layer1.input", "layer2.input", "readout.weight"):
        value = found[name]
        assert -bound <= value.min() < -0.9 * bound
        assert bound >= value.max() > 0.9 * bound
        assert value.var() == pytest.approx(bound**2 / 3, rel=4 * np.sqrt(0.8 / value.size))
        assert abs(value.mean()) < 4 * bound / np.sqrt(3 * value.size)


def test_biases_start_where_the_cell_says_gate_by_gate() -> None:
    cell = registry().get("cell", "lstm")(forget_bias=2.5)
    network = Network.create(
        Architecture(cell, 3, 4, 1, 2), [MemberInit(cell, 0, "uniform", 1.0)], torch.float64, "cpu"
    )
    bias = dict(zip("ifog", network.weights["layer1.bias"][0].split(4), strict=True))
    assert {gate: values.tolist() for gate, values in bias.items()} == {
        "i": [0.0] * 4, "f": [2.5] * 4, "o": [0.0] * 4, "g": [0.0] * 4,
    }  # fmt: skip
    assert network.weights["readout.bias"].tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("init", ["orthogonal", "gaussian", "uniform"])
def test_gates_layers_and_members_start_independently(init: str) -> None:
    every = blocks(weights(init, seeds=(0, 1)))
    assert len(every) == 2 * 2 * 4
    for one, other in itertools.combinations(every, 2):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 5 / SIZE


def test_every_weight_has_a_stream_of_its_own() -> None:
    found = weights("uniform", seeds=(0, 1), features=SIZE)
    drawn = [own.ravel()[:ENTRIES] for name, value in found.items() if "bias" not in name for own in value]
    wide = [values for values in drawn if len(values) == ENTRIES]
    assert len(wide) == 8
    for one, other in itertools.combinations(wide, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 5 / SIZE
    for narrow in (values for values in drawn if len(values) < ENTRIES):
        for one in wide:
            assert not np.isin(narrow, one).any()


def test_weights_come_from_the_seed_alone_whoever_is_in_the_pack() -> None:
    three, one = weights("gaussian", seeds=(5, 3, 8)), weights("gaussian", seeds=(3,))
    for name, value in one.items():
        np.testing.assert_array_equal(three[name][1], value[0])
    again = weights("gaussian", seeds=(3, 3))
    for value in again.values():
        np.testing.assert_array_equal(value[0], value[1])


def test_more_layers_leave_the_weights_of_those_below_as_they_were() -> None:
    one, two = weights("orthogonal", layers=1), weights("orthogonal", layers=2)
    assert set(two) - set(one) == {"layer2.input", "layer2.recurrent", "layer2.bias"}
    for name, value in one.items():
        np.testing.assert_array_equal(two[name], value)


def test_parts_of_a_constant_are_repeated_over_equal_shares() -> None:
    class Steps(RNN):
        """A weight that climbs."""

        name = "steps"

        def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
            climbing = Parameter((2, hidden_size), "constant", (1.0, 2.0, 3.0))
            return {**super().parameters(input_size, hidden_size), "climbing": climbing}

    cell = Steps()
    members = [MemberInit(cell, 0, "uniform", 1.0)]
    network = Network.create(Architecture(cell, 2, 6, 1, 2), members, torch.float64, "cpu", compiled=False)
    assert network.layer(1)["climbing"].tolist() == [[[1.0] * 4 + [2.0] * 2, [2.0] * 2 + [3.0] * 4]]


def test_weights_that_fit_are_not_refused() -> None:
    for parameter in (
        Parameter((4, 12), "recurrent"), Parameter((1, 1), "dense"), Parameter((6,), "constant", (1.0, 2.0, 3.0)),
    ):  # fmt: skip
        assert parameter.flaw(4) is None


@pytest.mark.parametrize(
    ("cell", "stored"),
    [("rnn", 1 + 1), ("gru", 4 + 1), ("lstm", 4 + 2), ("linear", 1 + 1)],
)
def test_a_steps_work_is_measured_by_its_products_and_its_state(cell: str, stored: int) -> None:
    assert stored_per_step(registry().get("cell", cell)(), 10) == 10 * stored


def test_weights_are_looked_at_as_for_one_input_where_nobody_says_how_many() -> None:
    class Shared(RNN):
        """A cell whose gates share what enters."""

        name = "shared"

        def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
            own = Parameter((1, 6 // input_size), "dense")
            return {**super().parameters(input_size, hidden_size), "per_input": own}

    assert Shared().flaw_of_weights(4) is None
    assert "ZeroDivisionError" in str(Shared().flaw_of_weights(4, 0))
