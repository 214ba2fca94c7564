"""How the weights of a cell start: what a cell says of them is held against what can be, by the weight's name."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from harness.base.errors import UserError
from harness.base.options import INIT_ONLY
from harness.cells import Cell, Parameter, State, Weights
from harness.cells.classic.rnn import RNN
from harness.engine.network import Network
from harness.engine.weights import Architecture, MemberInit
from harness.settings.settings import Settings
from harness.tasks.experiment import Experiment
from tests.helpers.counting import Counting

SIZE = 4


class Shaped(Cell):
    """A cell whose second weight is to be what the test says."""

    name: ClassVar[str] = "shaped"
    wanted: ClassVar[Parameter]
    blocks: int = Field(1, json_schema_extra=INIT_ONLY)

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "first": Parameter((input_size, self.blocks * hidden_size), "dense"),
            "second": type(self).wanted,
            "third": Parameter((hidden_size,), "constant", (7.0,)),
        }

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        return {"h": s.h}


def network(cells: list[Shaped], scale: float = 0.9) -> Network:
    shape = Architecture(cells[0], 3, SIZE, 1, 2)
    inits = [MemberInit(cell, 0, "orthogonal", scale) for cell in cells]
    return Network.create(shape, inits, torch.float64, "cpu")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (
            Parameter((SIZE - 1, 2 * SIZE), "recurrent"),
            r"weight second of shape \(3, 8\); .* \(H, k · H\) or \(k · H,\), here H = 4",
        ),
        (Parameter((SIZE, SIZE + 1), "recurrent"), r"weight second of shape \(4, 5\)"),
        (Parameter((2 * SIZE, SIZE), "recurrent"), r"weight second of shape \(8, 4\)"),
        (Parameter((SIZE, SIZE, 2), "recurrent"), r"weight second of shape \(4, 4, 2\)"),
        (Parameter((SIZE + 1,), "recurrent"), r"weight second of shape \(5,\); .* or \(k · H,\), here H = 4"),
        (Parameter((5,), "drawn"), r"second of shape \(5,\); a drawn weight says how"),
        (
            Parameter((3 * SIZE,), "dense"),
            r"second of shape \(12,\); valid for a dense weight: \(rows, columns\)",
        ),
        (Parameter((5,), "constant", (0.0, 1.0)), r"weight second of shape \(5,\); valid for a constant of 2 values"),
        (Parameter((5,), "sparse"), r"second of shape \(5,\); kind 'sparse'; valid: rec"),  # type: ignore[arg-type]
    ],
)
def test_a_weight_that_cannot_start_so_is_refused_by_its_name(
    wanted: Parameter, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shaped, "wanted", wanted, raising=False)
    with pytest.raises(UserError, match=words):
        network([Shaped()])
    experiment: Experiment = Counting()
    with pytest.raises(UserError, match=words):
        Settings(experiment=experiment, cell=Shaped(), hidden_size=SIZE)


def test_every_block_of_a_recurrent_weight_is_a_base_matrix_and_what_follows_stands_in_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Shaped, "wanted", Parameter((SIZE, 3 * SIZE), "recurrent"), raising=False)
    made = network([Shaped()]).layer(1)
    for block in made["second"][0].split(SIZE, dim=1):
        np.testing.assert_allclose(block.T @ block, 0.81 * np.eye(SIZE), atol=1e-12)
    assert made["third"][0].tolist() == [7.0] * SIZE


def test_an_option_that_changes_shapes_is_none_of_the_start_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shaped, "wanted", Parameter((SIZE, SIZE), "recurrent"), raising=False)
    with pytest.raises(UserError, match="marked INIT_ONLY changes the shapes of weights"):
        network([Shaped(blocks=1), Shaped(blocks=2)])


class Drawn(Shaped):
    """A cell that draws weights in a way of its own, two of them from the same numbers."""

    name: ClassVar[str] = "drawn"
    columns: ClassVar[int] = SIZE

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        def draw(rng: np.random.Generator) -> NDArray[np.float64]:
            return rng.normal(3.0, 2.0, (hidden_size, type(self).columns))

        shape = (hidden_size, SIZE)
        return {
            "one": Parameter(shape, "drawn", draw=draw, stream="both"),
            "other": Parameter(shape, "drawn", draw=lambda rng: -draw(rng), stream="both"),
            "apart": Parameter(shape, "drawn", draw=draw),
            "elsewhere": Parameter(shape, "drawn", draw=draw, stream="another"),
        }


def test_weights_of_one_stream_are_drawn_from_the_same_numbers_in_every_layer_anew() -> None:
    cell = Drawn()
    members = [MemberInit(cell, seed, "gaussian", 0.5) for seed in (0, 1)]
    found = Network.create(Architecture(cell, 3, SIZE, 2, 2), members, torch.float64, "cpu")
    one, other, apart, elsewhere = (
        [found.layer(layer)[name] for layer in (1, 2)] for name in ("one", "other", "apart", "elsewhere")
    )
    for layer in (0, 1):
        assert torch.equal(one[layer], -other[layer])
    drawn = [*one, *apart, *elsewhere]
    every = [values for weight in drawn for values in weight]
    assert len({tuple(values.flatten().tolist()) for values in every}) == 12  # by layer, stream and member
    assert torch.stack(every).mean().item() == pytest.approx(3.0, abs=4 * 2 / (12 * SIZE * SIZE) ** 0.5)


def test_the_bound_of_a_tanh_network_is_that_of_its_top_layer() -> None:
    cell = RNN()
    inits = [MemberInit(cell, seed, "gaussian", 1.5) for seed in (0, 1)]
    made = Network.create(Architecture(cell, 3, SIZE, 3, 2), inits, torch.float64, "cpu", compiled=False)
    values = np.linalg.svd(made.layer(3)["recurrent"].numpy(), compute_uv=False)
    np.testing.assert_allclose(made.rate_bound(), np.log(values[:, 0]), rtol=1e-12)


def test_a_weight_that_is_drawn_in_another_shape_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Drawn, "columns", SIZE - 1)
    with pytest.raises(UserError, match=r"cell drawn: a weight of shape \(4, 4\) is drawn in the shape \(4, 3\)"):
        network([Drawn()])
