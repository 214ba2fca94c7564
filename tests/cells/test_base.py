"""What the engine knows of any cell: how weights may start, which are in use and trained, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from harness.cells import Cell, Named, Parameter
from harness.cells.base import TorchLayer, as_in_a_step
from harness.cells.classic.rnn import RNN

RECURRENT = "valid for a recurrent weight: (H, k · H) or (k · H,), here H = 4"
DENSE = "valid for a dense weight: (rows, columns)"


@pytest.mark.parametrize(
    ("parameter", "flaw"),
    [
        (Parameter((4, 4), "recurrent"), None),
        (Parameter((4, 12), "recurrent"), None),
        (Parameter((4,), "recurrent"), None),
        (Parameter((8,), "recurrent"), None),
        (Parameter((4, 6), "recurrent"), RECURRENT),
        (Parameter((3, 4), "recurrent"), RECURRENT),
        (Parameter((6,), "recurrent"), RECURRENT),
        (Parameter((4, 4, 4), "recurrent"), RECURRENT),
        (Parameter((), "recurrent"), RECURRENT),
        (Parameter((2, 3), "dense"), None),
        (Parameter((3,), "dense"), DENSE),
        (Parameter((2, 3, 4), "dense"), DENSE),
        (Parameter((6,), "constant"), None),
        (Parameter((6,), "constant", (1.0, 2.0, 3.0)), None),
        (Parameter((2, 3), "constant", (1.0, 2.0)), None),
        (Parameter((6,), "constant", (1.0,) * 4), "valid for a constant of 4 values: a multiple of them"),
        (Parameter((6,), "constant", ()), "valid for a constant of 0 values: a multiple of them"),
        (Parameter((6,), "drawn", draw=lambda rng: rng.normal(size=6)), None),
        (Parameter((6,), "drawn"), "a drawn weight says how: draw="),
        (Parameter((6,), "made up"), "kind 'made up'; valid: recurrent, dense, constant, drawn"),  # type: ignore[arg-type]
    ],
)
def test_a_weight_that_cannot_start_as_it_says_is_told_why(parameter: Parameter, flaw: str | None) -> None:
    assert parameter.flaw(4) == flaw


@pytest.mark.parametrize("size", [1, 2])
def test_a_recurrent_weight_of_one_or_two_units_has_one_or_two_dimensions_too(size: int) -> None:
    for shape in ((), (size, size, size)):
        assert Parameter(shape, "recurrent").flaw(size) == RECURRENT.replace("H = 4", f"H = {size}")
    for shape in ((size,), (size, size)):
        assert Parameter(shape, "recurrent").flaw(size) is None


def cell_like(**attributes: Any) -> type[Cell]:
    return type("Like", (RNN,), {"__doc__": "A cell under test.", "name": "like", **attributes})


@pytest.mark.parametrize(
    ("attributes", "flaw"),
    [
        ({"family": "mine", "colour": "#2f7fd1"}, None),
        ({"colour": ""}, None),
        ({"family": ""}, "family = ''; valid: a word"),
        ({"family": 3}, "family = 3; valid: a word"),
        *(
            ({"colour": colour}, f"colour = {colour!r}; valid: six hexadecimal digits, as in '#2f7fd1'")
            for colour in ("red", "#2f7fd", "#2f7fd12", "#2F7FD1", 7)
        ),
    ],
)
def test_what_figures_could_make_nothing_of_is_a_flaw(attributes: dict[str, Any], flaw: str | None) -> None:
    assert cell_like(**attributes).flaw() == flaw


class Made(RNN):
    """Weights in use that are made of parameters, one of which nobody trains."""

    name = "made"

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        return {
            "a": Parameter((input_size, hidden_size), "dense"),
            "b": Parameter((hidden_size, 2 * hidden_size), "recurrent", trained=False),
            "c": Parameter((hidden_size,), "recurrent"),
        }


class Derived(Made):
    """The same, with weights that are computed."""

    name = "derived"

    def weights(self, p: Any) -> dict[str, Tensor]:
        return {"c": p.c, "ab": p.a @ p.b, "bb": p.b.mT @ p.b, "b": p.b}


def test_the_weights_in_use_are_the_parameters_or_what_is_made_of_them() -> None:
    assert Made().shapes(3, 4) == {"a": (3, 4), "b": (4, 8), "c": (4,)}
    assert Made().fixed(3, 4) == {"b"}
    assert Derived().shapes(3, 4) == {"c": (4,), "ab": (3, 8), "bb": (8, 8), "b": (4, 8)}
    assert Derived().fixed(3, 4) == {"bb", "b"}  # nothing that is trained has a part in them
    with torch.no_grad():
        assert Derived().fixed(3, 4) == {"bb", "b"}


def test_a_step_multiplies_the_state_by_the_recurrent_weights_in_use() -> None:
    weights = Named({"b": torch.randn(2, 4, 8), "c": torch.randn(2, 4), "a": torch.randn(2, 1, 4)})
    one, two, diagonal = Made().recurrence(weights, 4)
    assert torch.equal(torch.cat([one, two], dim=-1), weights.b)
    assert torch.equal(diagonal, weights.c)
    assert one.shape == (2, 4, 4)
    assert Made().recurrence(Named({"a": weights.a}), 4) == []


def test_what_a_plain_cell_shows_is_its_h_as_wide_as_it_is() -> None:
    cell, h = cell_like(parts=("h", "c"))(), torch.randn(2, 3, 4)
    assert cell.widths(4) == {"h": 4, "c": 4}
    assert cell.output_size(4) == 4
    assert cell.output(Named(), torch.zeros(2, 3, 1), Named({"h": h, "c": h + 1})) is h
    assert cell.gates(Named(), h, Named()) == {}


def test_a_layer_of_torch_has_no_options_unless_they_are_given() -> None:
    assert TorchLayer("GRU", dict, dict).options == {}
    assert TorchLayer("RNN", dict, dict, {"nonlinearity": "relu"}).options == {"nonlinearity": "relu"}
    assert RNN().of_torch() is not None
    assert cell_like(of_torch=Cell.of_torch)().of_torch() is None


def test_in_a_step_vectors_have_a_dimension_for_the_batch() -> None:
    found = as_in_a_step({"matrix": torch.zeros(2, 3, 4), "vector": torch.arange(8.0).view(2, 4)})
    assert found.matrix.shape == (2, 3, 4)
    assert found.vector.tolist() == [[[0, 1, 2, 3]], [[4, 5, 6, 7]]]


def test_a_name_that_there_is_not_is_told_with_those_that_there_are() -> None:
    with pytest.raises(AttributeError, match=r"^there is no m; there are h, c$"):
        _ = Named({"h": 1, "c": 2}).m
    with pytest.raises(AttributeError, match=r"^there is no m; there are none$"):
        _ = Named().m
    assert not hasattr(Named({"h": 1}), "c")


def test_a_weight_that_cannot_start_is_named_and_so_is_code_that_fails() -> None:
    assert Made().flaw_of_weights(4) is None

    class Askew(Made):
        name = "askew"

        def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
            found = super().parameters(input_size, hidden_size)
            return found | {"d": Parameter((input_size, hidden_size), "recurrent"), "e": Parameter((2,), "dense")}

    assert Askew().flaw_of_weights(4) == f"weight d of shape (1, 4); {RECURRENT}"
    assert Askew().flaw_of_weights(4, input_size=4) == f"weight e of shape (2,); {DENSE}"

    class Broken(Made):
        name = "broken"

        def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
            raise KeyError("no such thing")

    assert "no such thing" in (Broken().flaw_of_weights(4) or "")
