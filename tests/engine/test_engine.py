"""The engine's numbers against independent routes: torch.nn with autograd, finite differences, closed forms."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from harness.cells import Cell, Named
from harness.cells.base import as_in_a_step
from harness.engine.forward import at_steps
from harness.engine.network import Network
from harness.engine.scan.compiled import Kernel
from harness.engine.scan.general import GeneralScanner
from harness.engine.scan.interface import norm
from harness.engine.scan.plan import planned_step
from harness.engine.scan.stepwise import StepwiseScanner
from harness.engine.weights import Architecture, MemberInit, views
from harness.plugins.registry import registry
from tests.helpers.reference import reference

CELLS = ["feedforward", "gru", "gru_reset_before", "linear", "lstm", "rnn", "rnn_relu"]
"""Cells that try the engine; of every other its own tests say that it is run right (`check_cell`)."""

FORMULAS = [name for name in CELLS if planned_step(registry().get("cell", name)(), 2, 3) is not None]
WAYS = [(cell, way) for cell in FORMULAS for way in ("compiled", "stepwise", "general")]
WAYS += [(cell, "general") for cell in CELLS if cell not in FORMULAS]
GPU = pytest.param("gpu", marks=pytest.mark.gpu)
EVERYWHERE = [*WAYS, *(pytest.param(cell, "gpu", marks=pytest.mark.gpu) for cell in CELLS)]
TOLERANCE = {"rtol": 0, "atol": 1e-10, "check_device": False}


def make_network(
    cell: str,
    members: int,
    features: int,
    hidden_size: int,
    layers: int = 1,
    way: str = "compiled",
    dtype: torch.dtype = torch.float64,
) -> Network:
    made: Cell = registry().get("cell", cell)()
    shape = Architecture(made, features, hidden_size, layers, output_size=3)
    inits = [MemberInit(made, k, "gaussian", 0.8 + 0.2 * k) for k in range(members)]
    network = Network.create(shape, inits, torch.float64, "cpu")
    # Biases start at zero; other values show that they are used, and used once.
    network.flat += 0.1 * torch.randn(network.flat.shape, dtype=torch.float64, generator=torch.manual_seed(0))
    return by(network.to(dtype), way)


def by(network: Network, way: str) -> Network:
    """The same weights, run in a given way."""
    flat = network.flat.cuda() if way == "gpu" else network.flat
    made = Network(network.shape, flat, compiled=way in ("compiled", "gpu"), recompute=network.recompute)
    if way == "general":
        made.scanners = [
            GeneralScanner(cell, made.shape.layer_input_size(layer), cell.widths(made.shape.hidden_size))
            for layer, cell in enumerate(made.cells, start=1)
        ]
    kinds: dict[str, Any] = {"compiled": Kernel, "stepwise": StepwiseScanner, "general": GeneralScanner, "gpu": object}
    assert all(isinstance(scanner, kinds[way]) for scanner in made.scanners)
    return made


def make_data(network: Network, steps: int, batch: int, scored: list[int]) -> tuple[Tensor, Tensor]:
    members, generator = len(network.flat), torch.manual_seed(7)
    inputs = torch.randn(members, steps, batch, network.shape.input_size, dtype=torch.float64, generator=generator)
    targets = torch.randint(network.shape.output_size, (members, batch, len(scored)), generator=generator)
    return inputs.to(network.flat.device), targets.to(network.flat.device)


def cross_entropy(targets: Tensor) -> Any:
    def loss(outputs: Tensor) -> Tensor:
        flat = functional.cross_entropy(outputs.flatten(0, 2), targets.flatten(), reduction="none")
        return flat.view(targets.shape).mean(-1)

    return loss


def measure(network: Network, inputs: Tensor, targets: Tensor, scored: list[int]) -> dict[str, Any]:
    """Everything the engine computes: losses, gradients of weights, inputs and every state."""
    flat = torch.zeros_like(network.flat)
    keep = network.step_gradients(inputs, totals=True)
    with torch.no_grad():
        loss, grad_x = network.gradients(inputs, scored, cross_entropy(targets), flat, keep, need_input_grad=True)
    for steps in keep.values():
        for part, norms in steps.norms.items():
            torch.testing.assert_close(norms, norm(steps.totals[part]), rtol=1e-12, atol=0, equal_nan=True)
    return {
        "loss": loss,
        "inputs": grad_x,
        "weights": views(network.shape, flat),
        "states": {(layer, part): value for layer, steps in keep.items() for part, value in steps.totals.items()},
    }


@pytest.mark.parametrize("way", ["compiled", "stepwise", "general", GPU])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_equals_autograd_through_torch_nn_cells(cell: str, members: int, layers: int, way: str) -> None:
    scored = [4, 9]
    plain = make_network(cell, members, features=5, hidden_size=4, layers=layers, way="stepwise")
    network = by(plain, way)
    inputs, targets = make_data(network, steps=9, batch=3, scored=scored)
    found = measure(network, inputs, targets, scored)
    with torch.no_grad():
        hidden = network.forward(inputs)[-1].states["h"][:, 1:]
    for k in range(members):
        truth = reference(plain, k, inputs[k].cpu(), targets[k].cpu(), scored)
        torch.testing.assert_close(found["loss"][k], truth.loss, **TOLERANCE)
        torch.testing.assert_close(hidden[k], truth.hidden, **TOLERANCE)
        torch.testing.assert_close(found["inputs"][k], truth.inputs, **TOLERANCE)
        assert found["states"].keys() == truth.states.keys()
        for key, value in truth.states.items():
            torch.testing.assert_close(found["states"][key][k], value, **TOLERANCE)
        assert found["weights"].keys() == truth.weights.keys()
        for name, value in truth.weights.items():
            torch.testing.assert_close(found["weights"][name][k], value, **TOLERANCE)


@pytest.mark.parametrize(("cell", "way"), EVERYWHERE)
def test_weight_and_input_gradients_equal_finite_differences(cell: str, way: str) -> None:
    scored = [5]
    network = make_network(cell, members=2, features=3, hidden_size=4, layers=2, way=way)
    inputs, targets = make_data(network, steps=5, batch=2, scored=scored)
    found = measure(network, inputs, targets, scored)

    def loss(weights: Tensor, x: Tensor) -> Tensor:
        probed = by(Network(network.shape, weights), way)
        with torch.no_grad():
            return cross_entropy(targets)(probed.outputs(x, scored)).sum()

    direction_w, direction_x = torch.randn_like(network.flat), torch.randn_like(inputs)
    flat = torch.cat([value.flatten(1) for value in found["weights"].values()], dim=1)
    expected = (flat * direction_w).sum() + (found["inputs"] * direction_x).sum()
    step = 1e-6
    ahead = loss(network.flat + step * direction_w, inputs + step * direction_x)
    behind = loss(network.flat - step * direction_w, inputs - step * direction_x)
    torch.testing.assert_close((ahead - behind) / (2 * step), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("cell", "way"), [pair for pair in WAYS if pair[0] != "lstm"])
def test_per_step_gradients_equal_finite_differences_of_the_state(cell: str, way: str) -> None:
    """For cells of one part, dL/dh_t is what a loss changes by when the rest of the sequence starts elsewhere."""
    steps, t = 7, 3
    network = make_network(cell, members=2, features=3, hidden_size=4, way=way)
    inputs, targets = make_data(network, steps, batch=2, scored=[steps])
    found = measure(network, inputs, targets, [steps])["states"][1, "h"][:, t - 1].clone()
    h = network.forward(inputs)[0].states["h"][:, t].clone()
    direction, step = torch.randn_like(h), 1e-6

    def loss(start: Tensor) -> Tensor:
        return cross_entropy(targets)(network.outputs(inputs[:, t:], [steps - t], start=[{"h": start}])).sum()

    with torch.no_grad():
        slope = (loss(h + step * direction) - loss(h - step * direction)) / (2 * step)
    torch.testing.assert_close(slope, (found * direction).sum(), rtol=1e-6, atol=1e-8)


SHAPES = {
    "cell": st.sampled_from(FORMULAS),
    "members": st.integers(1, 4),
    "steps": st.integers(1, 12),
    "batch": st.integers(1, 20),
    "hidden_size": st.integers(1, 9),
    "layers": st.integers(1, 2),
    "data": st.data(),
}


@settings(max_examples=40, deadline=None)
@given(**SHAPES)
def test_all_ways_give_the_same_numbers(
    cell: str, members: int, steps: int, batch: int, hidden_size: int, layers: int, data: st.DataObject
) -> None:
    scored = sorted(data.draw(st.sets(st.integers(1, steps), min_size=1)))
    plain = make_network(cell, members, features=2, hidden_size=hidden_size, layers=layers, way="stepwise")
    inputs, targets = make_data(plain, steps, batch, scored)
    by_hand = measure(plain, inputs, targets, scored)
    found = {way: measure(by(plain, way), inputs, targets, scored) for way in ("compiled", "general")}
    plain.recompute = True
    found |= {f"{way} again": measure(by(plain, way), inputs, targets, scored) for way in (*found, "stepwise")}
    for way in found.values():
        for key in ("loss", "inputs", "weights", "states"):
            torch.testing.assert_close(by_hand[key], way[key], **TOLERANCE)


@settings(max_examples=40, deadline=None)
@given(**SHAPES, dtype=st.sampled_from([torch.float32, torch.float64]), threads=st.integers(1, 3))
def test_compiled_numbers_are_the_same_to_the_bit_in_any_company_and_on_any_number_of_threads(
    cell: str, members: int, steps: int, batch: int, hidden_size: int, layers: int, dtype: torch.dtype, threads: int,
    data: st.DataObject,
) -> None:  # fmt: skip
    scored = sorted(data.draw(st.sets(st.integers(1, steps), min_size=1)))
    chosen = data.draw(st.lists(st.integers(0, members - 1), min_size=1, unique=True))
    network = make_network(cell, members, features=3, hidden_size=hidden_size, layers=layers, dtype=dtype)
    inputs, targets = make_data(network, steps, batch, scored)
    inputs = inputs.to(dtype)
    together = measure(network, inputs, targets, scored)
    try:
        torch.set_num_threads(threads)
        apart = measure(network.only(chosen), inputs[chosen], targets[chosen], scored)
    finally:
        torch.set_num_threads(1)
    assert torch.equal(together["loss"][chosen], apart["loss"])
    assert torch.equal(together["inputs"][chosen], apart["inputs"])
    for key in ("weights", "states"):
        for name, value in together[key].items():
            assert torch.equal(value[chosen], apart[key][name]), name


@pytest.mark.parametrize(("cell", "way"), EVERYWHERE)
def test_a_sequence_in_two_pieces_ends_like_one_whose_gradient_is_cut_between_them(cell: str, way: str) -> None:
    network = make_network(cell, members=2, features=3, hidden_size=5, layers=2, way=way)
    inputs, targets = make_data(network, steps=9, batch=3, scored=[5])
    whole = [{part: values[:, 9].clone() for part, values in trace.states.items()} for trace in network.forward(inputs)]
    middle = network.final(network.forward(inputs[:, :4]))
    last = network.final(network.forward(inputs[:, 4:], middle))
    for one, other in zip(whole, last, strict=True):
        torch.testing.assert_close(one, other, **TOLERANCE)
    keep, flat = network.step_gradients(inputs[:, 4:]), torch.empty_like(network.flat)
    loss, _ = network.gradients(inputs[:, 4:], [5], cross_entropy(targets), flat, keep, start=middle)
    full, whole_keep = torch.empty_like(network.flat), network.step_gradients(inputs)
    expected, _ = network.gradients(inputs, [9], cross_entropy(targets), full, whole_keep)
    torch.testing.assert_close(loss, expected, **TOLERANCE)
    # What arrives within the last piece is the same; the weights miss what the first piece would add.
    torch.testing.assert_close(keep[2].norms["h"], whole_keep[2].norms["h"][:, 4:], **TOLERANCE)
    assert (flat - full).abs().max() > (1e-6 if cell != "feedforward" else -1)


@pytest.mark.parametrize("cell", FORMULAS)
def test_compiled_and_plain_single_precision_agree_within_rounding(cell: str) -> None:
    scored = [20]
    plain = make_network(cell, 3, features=4, hidden_size=16, way="stepwise", dtype=torch.float32)
    inputs, targets = make_data(plain, steps=20, batch=8, scored=scored)
    inputs = inputs.float()
    one, other = (measure(by(plain, way), inputs, targets, scored) for way in ("stepwise", "compiled"))
    for key in ("loss", "inputs", "weights", "states"):
        torch.testing.assert_close(one[key], other[key], rtol=1e-3, atol=1e-5)


def test_some_steps_of_a_sequence_are_a_view_where_they_are_adjacent_and_a_copy_elsewhere() -> None:
    values = torch.arange(12.0).view(2, 6)
    for rows in (rows for count in range(1, 7) for rows in itertools.combinations(range(6), count)):
        found = at_steps(values, rows)
        assert found.tolist() == [[each[row] for row in rows] for each in values.tolist()]
        adjacent = rows == tuple(range(rows[0], rows[-1] + 1))
        assert (found.untyped_storage().data_ptr() == values.untyped_storage().data_ptr()) == adjacent
    assert at_steps(values, []).shape == (2, 0)


@pytest.mark.parametrize("weight", [0.9, 1.0, 1.1])
def test_scalar_linear_network_multiplies_the_error_by_its_weight(weight: float) -> None:
    norms = linear_profile(steps=100, hidden_size=1, init="identity", scale=weight)
    lag = np.arange(99, -1, -1)
    np.testing.assert_allclose(norms / norms[-1], weight**lag, rtol=1e-10)


def test_scalar_network_keeps_a_positive_gradient_over_1000_steps_in_float64() -> None:
    norms = linear_profile(steps=1000, hidden_size=1, init="identity", scale=0.9)
    assert norms[0] > 0
    np.testing.assert_allclose(norms[0] / norms[-1], 0.9**999, rtol=1e-9)


def test_orthogonal_linear_network_preserves_the_norm_at_every_step() -> None:
    norms = linear_profile(steps=60, hidden_size=16, init="orthogonal", scale=1.0)
    np.testing.assert_allclose(norms / norms[-1], 1.0, rtol=1e-10)


def linear_profile(steps: int, hidden_size: int, init: str, scale: float) -> np.ndarray:
    """Norm of the state's gradient at every step, first to last, of one sample."""
    cell = registry().get("cell", "linear")()
    shape = Architecture(cell, input_size=2, hidden_size=hidden_size, num_layers=1, output_size=3)
    network = Network.create(shape, [MemberInit(cell, 0, init, scale)], torch.float64, "cpu")
    inputs, targets = make_data(network, steps, batch=1, scored=[steps])
    states = measure(network, 0.01 * inputs, targets, [steps])["states"]
    return states[1, "h"][0, :, 0].norm(dim=-1).numpy()


@pytest.mark.parametrize("way", ["compiled", "stepwise", "general", GPU])
def test_a_member_that_explodes_leaves_its_neighbours_bit_identical(way: str) -> None:
    scored = [30]
    calm = make_network("rnn_relu", members=3, features=2, hidden_size=8, way=way)
    inputs, targets = make_data(calm, steps=30, batch=4, scored=scored)
    wild = by(Network(calm.shape, calm.flat.clone()), way)
    wild.flat[1] = torch.inf
    before, after = measure(calm, inputs, targets, scored), measure(wild, inputs, targets, scored)
    assert not after["loss"][1].isfinite().all()
    for k in (0, 2):
        assert torch.equal(before["loss"][k], after["loss"][k])
        assert torch.equal(before["inputs"][k], after["inputs"][k])
        assert torch.equal(before["states"][1, "h"][k], after["states"][1, "h"][k])
        for name, value in before["weights"].items():
            assert torch.equal(value[k], after["weights"][name][k])


@pytest.mark.parametrize("init", ["orthogonal", "gaussian", "identity", "uniform"])
def test_weight_scale_multiplies_the_recurrent_blocks_and_nothing_else(init: str) -> None:
    cell = registry().get("cell", "lstm")()
    shape = Architecture(cell, 3, 8, 2, 2)
    one, three = (
        Network.create(shape, [MemberInit(cell, 5, init, g)], torch.float64, "cpu").weights for g in (1.0, 3.0)
    )
    for name, value in one.items():
        factor = 3.0 if name.endswith(".recurrent") else 1.0
        torch.testing.assert_close(three[name], factor * value)


def test_orthogonal_blocks_have_every_singular_value_equal_to_the_scale() -> None:
    cell = registry().get("cell", "gru")()
    network = Network.create(
        Architecture(cell, 3, 12, 1, 2), [MemberInit(cell, 0, "orthogonal", 0.9)], torch.float64, "cpu"
    )
    for block in network.layer(1)["recurrent"][0].split(12, dim=-1):
        torch.testing.assert_close(torch.linalg.svdvals(block), torch.full((12,), 0.9, dtype=torch.float64))


def test_a_members_weights_do_not_depend_on_its_company() -> None:
    cell = registry().get("cell", "lstm")()
    shape = Architecture(cell, 3, 4, 1, 2)
    inits = [MemberInit(cell, seed, "orthogonal", 1.0) for seed in (3, 1, 2)]
    together = Network.create(shape, inits, torch.float64, "cpu")
    for k, init in enumerate(inits):
        assert torch.equal(Network.create(shape, [init], torch.float64, "cpu").flat[0], together.flat[k])


def test_spectral_radius_is_the_largest_absolute_eigenvalue_and_nan_where_weights_are_not_finite() -> None:
    network = make_network("gru", members=2, features=2, hidden_size=5)
    expected = max(
        np.abs(np.linalg.eigvals(block.numpy())).max() for block in network.layer(1)["recurrent"][0].split(5, dim=-1)
    )
    network.flat[1] = torch.nan
    found = network.spectral_radius()
    np.testing.assert_allclose(found[0], expected)
    assert np.isnan(found[1])


@pytest.mark.parametrize("name", ["lru", "s4d", "s5", "retnet", "unitary_rnn", "linear", "rnn"])
def test_the_spectral_radius_of_a_cell_that_is_linear_at_rest_is_that_of_its_jacobian_there(name: str) -> None:
    cell: Cell = registry().get("cell", name)()
    shape = Architecture(cell, 2, 4, 1, 1)
    network = Network.create(shape, [MemberInit(cell, 3, "gaussian", 0.8)], torch.float64, "cpu", compiled=False)
    (state,), weights = network.zero_states(1), as_in_a_step(network.layer(1))
    x, widths = torch.zeros(1, 1, 2, dtype=torch.float64), cell.widths(4)

    def after(flat: Tensor) -> Tensor:
        parts = zip(widths, flat.split(list(widths.values()), dim=-1), strict=True)
        made = cell.step(weights, x, Named({part: value[None, None] for part, value in parts}))
        return torch.cat([made[part][0, 0] for part in widths])

    rest = torch.cat([state[part][0, 0] for part in widths])
    jacobian = torch.autograd.functional.jacobian(after, rest).numpy()
    np.testing.assert_allclose(network.spectral_radius(), [np.abs(np.linalg.eigvals(jacobian)).max()], rtol=1e-6)


def test_a_spectral_radius_is_a_number_or_none_and_0_without_memory_alone() -> None:
    for plugin in registry().of_kind("cell"):
        cell = plugin.target()
        network = Network.create(
            Architecture(cell, 2, 4, 1, 1),
            [MemberInit(cell, 0, "orthogonal", 0.9)],
            torch.float64,
            "cpu",
            compiled=False,
        )
        (found,) = network.spectral_radius()
        assert (found == 0) == (not cell.has_memory), cell.name


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1.0, 1e170, 1e300])
def test_a_norm_neither_overflows_nor_vanishes_by_squaring(size: float) -> None:
    vectors = torch.tensor([[3.0, -4.0, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(
        norm(size * vectors), torch.tensor([5.0 * size, 0.0], dtype=torch.float64), rtol=1e-14, atol=0
    )


def test_a_norm_in_single_precision_is_taken_in_double_and_what_is_not_finite_stays_so() -> None:
    found = norm(torch.tensor([[3e30, 4e30], [3e-30, 4e-30], [torch.inf, 1.0], [torch.nan, 1.0]]))
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found, [5e30, 5e-30, np.inf, np.nan], rtol=1e-6)
    np.testing.assert_array_equal(
        norm(torch.tensor([[-torch.inf, 1.0], [torch.nan, torch.inf]]).double()), [np.inf, np.nan]
    )
