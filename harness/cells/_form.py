"""What a module takes and gives as a cell, and how it is run for several members at once."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.base.errors import UserError, first_line

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.cells._equations import Equations

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Form:
    """What a module takes and gives.

    Attributes:
        widths: of the parts of the cell's state.
        carried: those parts that the module is given as its state.
        alone: whether the state is a tensor, and no tuple.
        equations: what its step computes; None where it could not be read.
        unread: why not.
        stacks: whether `torch.vmap` can run a module that could not be read.
    """

    widths: dict[str, int]
    carried: list[str]
    alone: bool
    equations: Equations | None = None
    unread: str = ""
    stacks: bool = True

    def run_one(self, module: nn.Module, weights: dict[str, Tensor], x: Tensor, state: Sequence[Tensor]) -> Any:
        """A step of one member: the new parts, each (B, width)."""
        from torch.func import functional_call

        return flat(functional_call(module, weights, (x, state[0] if self.alone else tuple(state))))

    def run(self, module: nn.Module, weights: Mapping[str, Tensor], x: Tensor, state: Sequence[Tensor]) -> Any:
        """A step of K members, without equations: the new parts, each (K, B, width)."""
        import torch

        from harness.cells._of_torch import AsEquations

        has_torchs = any(isinstance(each, torch.nn.RNNCellBase) for each in module.modules())

        def one(weights: dict[str, Tensor], x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
            with AsEquations() if has_torchs else nullcontext():
                made: tuple[Tensor, ...] = self.run_one(module, weights, x, state)
                return made

        if self.stacks:
            return torch.vmap(one)(dict(weights), x, *state)
        made = [
            one({name: value[k] for name, value in weights.items()}, x[k], *(part[k] for part in state))
            for k in range(len(x))
        ]
        return [torch.stack(values) for values in zip(*made, strict=True)]


def form_of(module: nn.Module, called: str, input_size: int, hidden_size: int) -> Form:
    """What a module takes and gives, found by trying.

    Args:
        called: how messages call it.

    Raises:
        UserError: it does not map (x, state) to a state.
    """
    import torch

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
        f"{called} does not map (x, state) to a state that begins with (batch, hidden_size){problem}; "
        "valid: a module that is called as torch.nn.RNNCell or torch.nn.LSTMCell"
    )


def _tried(module: nn.Module, x: Tensor, start: Callable[[], Any]) -> Form | None:
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
        form = _read(Form(widths, names[apart:], alone), module, x.shape[-1])
        if form.equations is not None:
            return form
        weights = {name: value[None] for name, value in trained(module).items()}
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


def _read(form: Form, module: nn.Module, input_size: int) -> Form:
    """With the equations of a module, if it has any."""
    from harness.cells._equations import equations
    from harness.cells._tape import Unreadable

    widths = [form.widths[part] for part in form.carried]
    try:
        exact = copy.deepcopy(module).double()
        weights = {name: value.detach() for name, value in trained(exact).items()}
        return replace(form, equations=equations(partial(form.run_one, exact), weights, input_size, widths))
    except (Unreadable, RuntimeError) as problem:
        return replace(form, unread=f"{type(module).__name__}: {problem}")


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


def trained(module: nn.Module) -> dict[str, Tensor]:
    """Its parameters that learn, by name."""
    return {name: value for name, value in module.named_parameters() if value.requires_grad}
