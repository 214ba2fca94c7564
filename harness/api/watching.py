"""`watch`: the per-step gradients of a recurrent network within a training loop that somebody has already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import pandas as pd
import torch
from torch import Tensor, nn

from harness.api.networks import SUFFIXES
from harness.base.errors import UserError
from harness.cells._form import flat, part_names
from harness.cells._of_torch import EQUATIONS
from harness.engine.scan.interface import norm
from harness.measure.gradients import Profile
from harness.training.rows import gradient_rows

STEPS = {"RNN_TANH": "rnn_tanh_cell", "RNN_RELU": "rnn_relu_cell", "GRU": "gru_cell", "LSTM": "lstm_cell"}
"""The step that a layer of torch computes, by the layer's mode."""

WATCHED = "watched"
"""The `run_id` of the rows."""


class Watch:
    """A context in which the states of recurrent modules keep their gradients. See `watch`.

    An update that is not taken is forgotten when the next one runs: look at every hundredth, if you like.
    """

    def __init__(self, model: nn.Module, loss: Literal["mean", "sum"]):
        if not isinstance(model, nn.Module):
            raise UserError(f"model: a {type(model).__name__}; valid: a torch.nn.Module")
        if loss not in ("mean", "sum"):
            raise UserError(f"loss={loss}: valid: mean, sum")
        self.loss = loss
        kinds = (nn.RNNBase, nn.RNNCellBase)
        found: dict[str, nn.Module] = {name: each for name, each in model.named_modules() if isinstance(each, kinds)}
        self._modules = found or {"": model}
        self._states: dict[tuple[str, int], list[tuple[Tensor, ...]]] = {}
        self._undo: list[Callable[[], object]] = []
        self._takes = 0

    def __enter__(self) -> Watch:
        for name, module in self._modules.items():
            if isinstance(module, nn.RNNBase):
                self._watch_layers(name, module)
            else:
                self._undo.append(module.register_forward_hook(self._note_of(name)).remove)
        return self

    def __exit__(self, *exc: object) -> None:
        for undo in self._undo:
            undo()
        self._undo.clear()
        self._states.clear()

    def take(self, step: int | None = None) -> pd.DataFrame:
        """How much gradient has arrived at each time step, to be called after ``loss.backward()``.

        Of a layer that runs several times before that, its last sequence counts; a cell's calls are one sequence.

        Args:
            step: number of the training step for the rows; None: they are counted, from 1.

        Returns:
            Rows like those of the table ``gradients``: layer (counted in the order in which layers run first), part, t,
            lag, and mean and quantiles over the samples of the norm of each sample's gradient: for a layer of H units
            and T steps, T rows for each part, of norms of vectors of H numbers.

        Raises:
            UserError: nothing has run since the last time, or no gradient has come back.

        Examples:
            >>> cell, state = torch.nn.GRUCell(4, 8), None
            >>> with watch(cell, loss="sum") as watched:
            ...     for x in torch.randn(5, 16, 4):
            ...         state = cell(x, state)
            ...     state.sum().backward()
            ...     rows = watched.take(step=100)
            >>> rows.t.tolist(), rows.lag.tolist()
            ([1, 2, 3, 4, 5], [4, 3, 2, 1, 0])
        """
        if not any(self._states.values()):
            raise UserError("take(): nothing has run since the last time; valid: after model(…) and loss.backward()")
        if all(value.grad is None for states in self._states.values() for state in states for value in state):
            raise UserError("take(): no gradient has come back; valid: after loss.backward()")
        profiles = [
            Profile(layer, part, self._norms([state[place] for state in states])[None])
            for layer, states in enumerate(filter(None, self._states.values()), start=1)
            for place, part in enumerate(part_names(len(states[0])))
        ]
        self._states.clear()
        self._takes += 1
        return gradient_rows(profiles, self._takes if step is None else step, {0: WATCHED}).drop(columns="run_id")

    def _norms(self, states: Sequence[Tensor]) -> Tensor:
        """The norm of each sample's gradient at every step, (T, B); 0 where none has arrived."""
        norms = norm(torch.stack([torch.zeros_like(each) if each.grad is None else each.grad for each in states]))
        return norms * norms.shape[1] if self.loss == "mean" else norms

    def _note(self, place: tuple[str, int], state: tuple[Tensor, ...]) -> None:
        """Keep the gradient of a state at one step, if there is to be one.

        What is there from before the last ``backward`` is forgotten: not every update need be taken.
        """
        if not all(value.requires_grad for value in state):
            return
        if any(value.ndim != 2 for value in state):
            shapes = ", ".join(str(tuple(value.shape)) for value in state)
            raise UserError(f"{place[0] or 'model'}: gives {shapes}; valid: a cell's state, each part (B, width)")
        for value in state:
            value.retain_grad()
        known = self._states.setdefault(place, [])
        if known and any(value.grad is not None for value in known[-1]):
            known.clear()
        known.append(state)

    def _note_of(self, name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            self._note((name, 0), flat(output))

        return hook

    def _watch_layers(self, name: str, module: nn.RNNBase) -> None:
        """Let a layer of torch, which is one operation over all steps, run step by step."""
        if module.bidirectional or module.proj_size:
            raise UserError(f"{name or type(module).__name__}: valid to watch: one direction, no proj_size")
        fast = module.forward

        def forward(inputs: Any, hx: Any = None) -> Any:
            if not torch.is_grad_enabled():
                return fast(inputs, hx)
            for place, known in self._states.items():
                if place[0] == name:
                    known.clear()  # a sequence begins
            if not isinstance(inputs, Tensor):
                raise UserError(f"{name or type(module).__name__}: packed sequences cannot be watched; valid: a tensor")
            return self._unrolled(name, module, inputs, hx)

        before = vars(module).get("forward")  # of another watch, around this one
        module.forward = forward
        self._undo.append(
            partial(module.__dict__.pop, "forward") if before is None else partial(setattr, module, "forward", before)
        )

    def _unrolled(self, name: str, module: nn.RNNBase, inputs: Tensor, hx: Any) -> Any:
        """What the layer computes, with every state a tensor of its own."""
        alone = inputs.ndim == 2
        x = inputs[:, None] if alone else inputs.transpose(0, 1) if module.batch_first else inputs
        given = None if hx is None else [each[:, None] if alone else each for each in flat(hx)]
        count = 2 if module.mode == "LSTM" else 1
        final = []
        for layer in range(module.num_layers):
            weights = [getattr(module, f"{each}_l{layer}") for each in SUFFIXES if hasattr(module, f"{each}_l{layer}")]
            state = tuple(
                x.new_zeros(x.shape[1], module.hidden_size) if given is None else given[part][layer]
                for part in range(count)
            )
            outputs = []
            for t in range(len(x)):
                made = EQUATIONS[STEPS[module.mode]](x[t], state if count == 2 else state[0], *weights)
                state = flat(made)
                self._note((name, layer), state)
                outputs.append(state[0])
            x = torch.stack(outputs)
            if layer < module.num_layers - 1:
                x = nn.functional.dropout(x, module.dropout, module.training)
            final.append(state)
        last = tuple(torch.stack(parts) for parts in zip(*final, strict=True))
        if alone:
            x, last = x[:, 0], tuple(each[:, 0] for each in last)
        elif module.batch_first:
            x = x.transpose(0, 1)
        return x, last if count == 2 else last[0]


def watch(model: nn.Module, loss: Literal["mean", "sum"] = "mean") -> Watch:
    """Measure how much gradient arrives at every time step, in a training loop that is there already.

    Within the context, the recurrent modules of a model are watched: `torch.nn.RNN`, `torch.nn.GRU` and `torch.nn.LSTM`
    (they run step by step meanwhile: the same numbers, more slowly), `torch.nn.RNNCell` and its kin; in a model without
    any of these, the model itself counts as a cell that is called once a step and returns its state.

    Args:
        model: a cell, a layer, or a network that holds some.
        loss: over the samples of a batch, whether ``backward`` starts from their mean (as torch's losses do) or sum:
            rows are about the gradient of each sample's own loss.

    Raises:
        UserError: a layer runs in both directions, or projects its state.

    Examples:
        >>> model, readout = torch.nn.LSTM(4, 8, batch_first=True), torch.nn.Linear(8, 2)
        >>> with watch(model) as watched:
        ...     outputs, _ = model(torch.randn(16, 30, 4))
        ...     torch.nn.functional.cross_entropy(readout(outputs[:, -1]), torch.zeros(16, dtype=torch.long)).backward()
        ...     rows = watched.take()
        >>> rows.query("part == 'h'").lag.tolist() == list(range(29, -1, -1))
        True
    """
    return Watch(model, loss)
