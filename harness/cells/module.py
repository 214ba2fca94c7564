"""Cells that are a `torch.nn.Module`: one of your own, of torch, or of another library."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from harness.base.errors import UserError, first_line
from harness.cells._form import Form, form_of, trained
from harness.cells.base import Cell, Parameter, State, Weights

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn


class TorchCell(Cell):
    """What a cell derives from that is a `torch.nn.Module`: it says how the module is made.

    The module maps (x, state) to the new state, as `torch.nn.RNNCell` and `torch.nn.LSTMCell` do: x is (B, F), the
    state a tensor (B, H) or a tuple of tensors (B, ·), the first of them (B, H); it starts at zero. A module may also
    give a pair (output, state), where the output (B, H) is no part of the state. The parts of the state are named
    ``h``, ``c``, ``part3``, …; an output that is no part of it is ``h``, and the state is ``c``, ``part3``, ….

    The module is run once to read its operations; where these are equations (`harness.cells._equations`), it is a cell
    like any other. Elsewhere members are stacked, and run as one by `torch.func.functional_call` and `torch.vmap`; a
    module that decides by values is run for one member after the other, if its state is one tensor. Derivatives are
    autograd's then. The module runs in evaluation mode, so without dropout. Buffers, and parameters that need no
    gradient, are constants, the same in every member.
    """

    @abstractmethod
    def module(self, input_size: int, hidden_size: int) -> nn.Module:
        """A new module, as it starts."""

    def recurrent_weights(self) -> Sequence[str]:
        """Parameters that `init` and `weight_scale` start instead of the module, (k · H, H) or diagonals (k · H,)."""
        return ()

    @property
    def memory(self) -> str:  # type: ignore[override]
        """``c`` where there is one, else ``h``."""
        return [*self.widths(1), "h"][1]

    def widths(self, hidden_size: int) -> dict[str, int]:
        return dict(_form(self, *self.sizes(hidden_size)).widths)

    def sizes(self, hidden_size: int) -> tuple[int, int]:
        """Numbers of inputs and of units with which the module is tried, to see what it takes and gives."""
        return hidden_size, hidden_size

    def parameters(self, input_size: int, hidden_size: int) -> dict[str, Parameter]:
        """The module's parameters by their own names; recurrent ones are transposed.

        Raises:
            UserError: the module cannot be made, or is no cell.
        """
        if (own := _form(self, input_size, hidden_size).widths) != (valid := self.widths(hidden_size)):
            raise UserError(f"{_called(self)}: with {input_size} inputs its state is {own}; valid: {valid}, as with H")
        found = {}
        for name, value in trained(_made(self, input_size, hidden_size)).items():
            draw = _drawing(self, input_size, hidden_size, name)
            found[name] = Parameter(tuple(value.shape), "drawn", draw=draw, stream="module")
        for name in self.recurrent_weights():
            if name not in found:
                raise UserError(f"{_called(self)} has no parameter {name}; valid: {', '.join(found)}")
            found[name] = Parameter(found[name].shape[::-1], "recurrent")
        _asked(self)[input_size, hidden_size] = {name: each.shape for name, each in found.items()}
        return found

    def weights(self, p: Weights) -> dict[str, Tensor]:
        sizes = _sizes(self, p)
        found = _form(self, *sizes).equations
        if found is None:
            return p
        own = {name: p[name] for name in self.recurrent_weights()}  # for what `recurrence` asks of them
        return own | found.weights(self._as_in_the_module(p, _made(self, *sizes)))

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        sizes = x.shape[-1], s["h"].shape[-1]
        form = _form(self, *sizes)
        carried = [s[part] for part in form.carried]
        if form.equations is not None:
            made = form.equations.new_state(w, x, carried)
        elif hasattr(x, "nodes"):  # the stand-in for a tensor, with which steps are read
            raise NotImplementedError(form.unread)
        else:
            module = _on(self, *sizes, x.dtype, x.device)
            made = form.run(module, self._as_in_the_module(w, module), x, carried)
        return dict(zip(form.widths, made, strict=True))

    def _as_in_the_module(self, w: Weights, module: nn.Module) -> dict[str, Tensor]:
        """Parameters, (K, …), in the module's own shapes."""
        found = {}
        for name, value in trained(module).items():
            mine = w[name].mT if name in self.recurrent_weights() and value.ndim == 2 else w[name]
            found[name] = mine.reshape(-1, *value.shape)  # in a step, a vector has a dimension for the batch
        return found


class Module(TorchCell):
    """Any `torch.nn.Module` that maps (x, state) to a state, without a file: cell.path=package.module:Class.

    It is made by ``Class(input_size, hidden_size)`` and starts as it does by itself, whatever `init` and
    `weight_scale` are, but for the weight that `recurrent` names. See `TorchCell` on what fits.
    """

    name = "module"

    path: str = Field("torch.nn:GRUCell", description="where the class is: package.module:Class")
    recurrent: str = Field("", description="parameter that init and weight_scale start, say weight_hh; empty: none")

    @field_validator("path")
    @classmethod
    def _there(cls, value: str) -> str:
        _class_at(value)
        return value

    def module(self, input_size: int, hidden_size: int) -> nn.Module:
        made: nn.Module = _class_at(self.path)(input_size, hidden_size)
        return made

    def recurrent_weights(self) -> Sequence[str]:
        return (self.recurrent,) if self.recurrent else ()


def _class_at(path: str) -> Any:
    """The class derived from `torch.nn.Module` at a path.

    Raises:
        ValueError: there is none.
    """
    from torch import nn

    place, _, name = path.partition(":")
    if not place or not name:
        raise ValueError("valid: package.module:Class")
    try:
        found: Any = import_module(place)
    except Exception as error:
        raise ValueError(f"{place} cannot be imported ({first_line(error)}); valid: package.module:Class") from None
    found = getattr(found, name, None)
    if found is None:
        raise ValueError(f"there is no {name} in {place}; valid: package.module:Class")
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise ValueError(f"{name} is no torch.nn.Module; valid: a class derived from it")
    return found


@lru_cache(maxsize=64)
def _form(cell: TorchCell, input_size: int, hidden_size: int) -> Form:
    """What a cell's module takes and gives.

    Raises:
        UserError: the module cannot be made, or does not map (x, state) to a state.
    """
    return form_of(_made(cell, input_size, hidden_size), _called(cell), input_size, hidden_size)


@lru_cache(maxsize=64)
def _asked(cell: TorchCell) -> dict[tuple[int, int], dict[str, tuple[int, ...]]]:
    """Where a cell notes the shapes of the parameters that it was asked for, by its numbers of inputs and of units."""
    return {}


def _sizes(cell: TorchCell, p: Weights) -> tuple[int, int]:
    """The numbers of inputs and of units for which a cell has parameters (K, …) of these shapes."""
    for sizes, shapes in reversed(_asked(cell).items()):
        if all(name in p and p[name].shape[1:] == shape for name, shape in shapes.items()):
            return sizes
    raise ValueError(f"{_called(cell)}: weights of other shapes than its parameters")


def _drawing(
    cell: TorchCell, input_size: int, hidden_size: int, name: str
) -> Callable[[np.random.Generator], NDArray[np.float64]]:
    """How a parameter starts: as in a module that is made with a seed of the member's own."""

    def draw(rng: np.random.Generator) -> NDArray[np.float64]:
        module = _made(cell, input_size, hidden_size, int(rng.integers(2**63)))
        drawn: NDArray[np.float64] = trained(module)[name].detach().double().numpy()
        return drawn

    return draw


@lru_cache(maxsize=64)
def _made(cell: TorchCell, input_size: int, hidden_size: int, seed: int = 0) -> nn.Module:
    """A cell's module, made with a seed of torch's generator, in evaluation mode.

    Raises:
        UserError: it cannot be made.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        try:
            return cell.module(input_size, hidden_size).eval()
        except Exception as error:
            raise UserError(
                f"{_called(cell)}: no input size and hidden size can be set, as by Class({input_size}, {hidden_size}): "
                f"{type(error).__name__}: {first_line(error)}"
            ) from None


@lru_cache(maxsize=64)
def _on(cell: TorchCell, input_size: int, hidden_size: int, dtype: torch.dtype, device: torch.device) -> nn.Module:
    """A cell's module with its constants in a precision and on a device."""
    return _made.__wrapped__(cell, input_size, hidden_size).to(device, dtype)


def _called(cell: TorchCell) -> str:
    """What a cell's module is called in messages."""
    return f"cell.path={cell.path}" if isinstance(cell, Module) else f"the module of cell {cell.name}"
