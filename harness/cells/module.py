"""Cells that are a `torch.nn.Module`: one of your own, of torch, or of another library."""

from __future__ import annotations

import logging
import warnings
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from harness.base.errors import UserError, first_line
from harness.cells.base import Cell, Parameter, State, Weights

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn

log = logging.getLogger(__name__)


class TorchCell(Cell):
    """What a cell derives from that is a `torch.nn.Module`: it says how the module is made.

    The module maps (x, state) to the new state, as `torch.nn.RNNCell` and `torch.nn.LSTMCell` do: x is (B, F), the
    state a tensor (B, H) or a tuple of tensors (B, ·), the first of them (B, H); it starts at zero. A module may also
    give a pair (output, state), where the output (B, H) is no part of the state. The parts of the state are named
    ``h``, ``c``, ``part3``, …; an output that is no part of it is ``h``, and the state is ``c``, ``part3``, ….

    Members are stacked, and run as one by `torch.func.functional_call` and `torch.vmap`; a module that decides by
    values is run for one member after the other, if its state is one tensor. Derivatives are autograd's. The module
    runs in evaluation mode, so without dropout. Buffers, and parameters that need no gradient, are constants, the same
    in every member.
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
        for name, value in _trained(_made(self, input_size, hidden_size)).items():
            draw = _drawing(self, input_size, hidden_size, name)
            found[name] = Parameter(tuple(value.shape), "drawn", draw=draw, stream="module")
        for name in self.recurrent_weights():
            if name not in found:
                raise UserError(f"{_called(self)} has no parameter {name}; valid: {', '.join(found)}")
            found[name] = Parameter(found[name].shape[::-1], "recurrent")
        return found

    def step(self, w: Weights, x: Tensor, s: State) -> dict[str, Tensor]:
        if hasattr(x, "nodes"):
            raise TypeError("a torch.nn.Module cannot be read")  # the stand-in for a tensor, with which steps are read
        form = _form(self, x.shape[-1], s["h"].shape[-1])
        module = _on(self, x.shape[-1], s["h"].shape[-1], x.dtype, x.device)
        weights = {}
        for name, value in _trained(module).items():
            mine = w[name].mT if name in self.recurrent_weights() and value.ndim == 2 else w[name]
            weights[name] = mine.reshape(-1, *value.shape)  # in a step, a vector has a dimension for the batch
        made = form.run(module, weights, x, [s[part] for part in form.carried])
        return dict(zip(form.widths, made, strict=True))


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


@dataclass(frozen=True)
class _Form:
    """What a module takes and gives.

    Attributes:
        widths: of the parts of the cell's state.
        carried: those parts that the module is given as its state.
        alone: whether the state is a tensor, and no tuple.
        stacks: whether `torch.vmap` can run the module.
    """

    widths: dict[str, int]
    carried: list[str]
    alone: bool
    stacks: bool = True

    def run(self, module: nn.Module, weights: Mapping[str, Tensor], x: Tensor, state: Sequence[Tensor]) -> Any:
        """A step of K members: the new parts, each (K, B, width)."""
        import torch

        from harness.cells._of_torch import AsEquations

        has_torchs = any(isinstance(each, torch.nn.RNNCellBase) for each in module.modules())

        def one(weights: dict[str, Tensor], x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
            with AsEquations() if has_torchs else nullcontext():
                return flat(torch.func.functional_call(module, weights, (x, state[0] if self.alone else state)))

        if self.stacks:
            return torch.vmap(one)(dict(weights), x, *state)
        made = [
            one({name: value[k] for name, value in weights.items()}, x[k], *(part[k] for part in state))
            for k in range(len(x))
        ]
        return [torch.stack(values) for values in zip(*made, strict=True)]


@lru_cache(maxsize=64)
def _form(cell: TorchCell, input_size: int, hidden_size: int) -> _Form:
    """What a cell's module takes and gives, found by trying.

    Raises:
        UserError: the module cannot be made, or does not map (x, state) to a state.
    """
    import torch

    module = _made(cell, input_size, hidden_size)
    # A batch that is no usual number of states, so that a tensor is not taken for a tuple of its rows.
    x, h = torch.zeros(5, input_size), torch.zeros(5, hidden_size)
    problem = ""
    for start in (lambda: module(x), lambda: h, lambda: (h, h)):
        try:
            with torch.no_grad():
                form = _tried(module, x, start)
        except UserError:
            raise
        except Exception as error:
            problem = f" ({type(error).__name__}: {first_line(error)})"
            continue
        if form and next(iter(form.widths.values())) == hidden_size:
            return form
    raise UserError(
        f"{_called(cell)} does not map (x, state) to a state that begins with (batch, hidden_size){problem}; "
        "valid: a module that is called as torch.nn.RNNCell or torch.nn.LSTMCell"
    )


def _tried(module: nn.Module, x: Tensor, start: Callable[[], Any]) -> _Form | None:
    """What a module takes and gives if its state is what ``start`` gives, or the second half of it."""
    import torch

    first = start()
    halves = [first[1]] if isinstance(first, tuple) and len(first) == 2 else []
    for state in (first, *halves):
        try:
            made = module(x, state)
        except Exception:
            if state is first and halves:
                continue
            raise
        alone, apart = isinstance(state, torch.Tensor), not _alike(made, state)
        if apart and not (isinstance(made, tuple) and len(made) == 2 and _alike(made[1], state)):
            continue
        values = flat(made)
        names = part_names(len(values))
        widths = {name: value.shape[-1] for name, value in zip(names, values, strict=True)}
        form = _Form(widths, names[apart:], alone)
        weights = {name: value[None] for name, value in _trained(module).items()}
        try:
            with warnings.catch_warnings(action="error"):  # torch's, of operations that it runs one after the other
                form.run(module, weights, x[None], [value[None] for value in flat(state)])
        except Exception as error:
            if len(widths) > 1:
                # What reaches one part through another of the same step would be lost when members are put together.
                raise UserError(
                    f"a {type(module).__name__} cannot be run for several members at once: {first_line(error)}; "
                    "valid: what torch.vmap can run, or a state of one tensor"
                ) from None
            log.info("a %s runs for one member after the other: %s", type(module).__name__, first_line(error))
            return replace(form, stacks=False)
        return form
    return None


def _alike(one: Any, two: Any) -> bool:
    """Whether two states have the same form: a tensor, or a tuple of as many, of the same shapes."""
    if isinstance(one, tuple) and isinstance(two, tuple):
        return len(one) == len(two) > 0 and all(map(_alike, one, two))
    return hasattr(one, "shape") and hasattr(two, "shape") and one.ndim == 2 and one.shape == two.shape


def part_names(count: int) -> list[str]:
    """What the tensors of a module's state are called."""
    return ["h", "c", *(f"part{place}" for place in range(3, count + 1))][:count]


def flat(made: Any) -> tuple[Tensor, ...]:
    """The tensors of a state, or of an output and a state."""
    return tuple(each for part in made for each in flat(part)) if isinstance(made, tuple) else (made,)


def _trained(module: nn.Module) -> dict[str, Tensor]:
    return {name: value for name, value in module.named_parameters() if value.requires_grad}


def _drawing(
    cell: TorchCell, input_size: int, hidden_size: int, name: str
) -> Callable[[np.random.Generator], NDArray[np.float64]]:
    """How a parameter starts: as in a module that is made with a seed of the member's own."""

    def draw(rng: np.random.Generator) -> NDArray[np.float64]:
        module = _made(cell, input_size, hidden_size, int(rng.integers(2**63)))
        drawn: NDArray[np.float64] = _trained(module)[name].detach().double().numpy()
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
