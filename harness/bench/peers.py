"""The ways to train K small recurrent networks that are compared, each written as its users would write it.

All start from the same weights and see the same batch; a step is forward, loss, backward and Adam. Those that can
give per-step gradients return their norms, so that what is compared can be seen to be the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.engine.network import Network
from harness.engine.optimizer import MemberOptimizer

LR = 1e-3
Step = Callable[[], tuple[Any, Any]]
"""One training step; gives the losses (K,) and the norms of dL/dh_t (K, T, B), or None where there are none."""


@dataclass(frozen=True)
class Task:
    """What every way trains on.

    Attributes:
        network: the members' initial weights; copied, never changed.
        inputs: (K, T, B, F).
        targets: classes, (K, B), asked for at the last step.
    """

    network: Network
    inputs: Tensor
    targets: Tensor


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Loss of every sample, (K, B), from outputs (K, B, 1, classes)."""
    return functional.cross_entropy(outputs.flatten(0, 2), targets.flatten(), reduction="none").view(targets.shape)


def ours(task: Task, probing: bool) -> Step:
    """The harness: all members packed."""
    network = task.network.to(task.network.flat.dtype)
    members, steps, batch, _ = task.inputs.shape
    optimizer = MemberOptimizer(network.flat, "adam", [LR] * members, [None] * members)
    keep = network.step_gradients(task.inputs) if probing else None

    @torch.no_grad()
    def step() -> tuple[Any, Any]:
        loss, _ = network.gradients(
            task.inputs, [steps], lambda outputs: cross_entropy(outputs, task.targets), optimizer.grad, keep
        )
        optimizer.grad /= batch
        optimizer.step([True] * members)
        return loss.mean(1), None if keep is None else keep[1].norms["h"]

    return step


TORCH_BLOCKS = {"rnn": [0], "lstm": [0, 1, 3, 2], "gru": [1, 2, 0]}
"""For each block of torch's input weights (lstm i f g o, gru r z n) the place of its block among ours."""


def torch_weights(network: Network, member: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """``weight_ih, weight_hh, bias_ih, bias_hh`` of torch's layout for the first layer of one member of ours."""
    name, size, weights = network.shape.cell.name, network.shape.hidden_size, network.layer(1)
    # A gru's recurrent blocks are ours from the second on: r, z and the candidate's own, in torch's order.
    recurrent_order = [0, 1, 2] if name == "gru" else TORCH_BLOCKS[name]

    def rows(columns: Tensor, order: list[int]) -> Tensor:
        blocks = columns.split(size, dim=-1)
        return torch.cat([blocks[place].mT if columns.dim() == 2 else blocks[place] for place in order])

    bias_ih = rows(weights["bias"][member], TORCH_BLOCKS[name])
    bias_hh = torch.zeros_like(bias_ih)
    if name == "gru":
        bias_hh[2 * size :] = weights["bias"][member, 3 * size :]
    return (
        rows(weights["input"][member], TORCH_BLOCKS[name]),
        rows(weights["recurrent"][member], recurrent_order),
        bias_ih,
        bias_hh,
    )


def _readout(network: Network, member: int) -> nn.Linear:
    made = nn.Linear(network.shape.hidden_size, network.shape.output_size, device=network.flat.device)
    with torch.no_grad():
        made.weight.copy_(network.weights["readout.weight"][member].T)
        made.bias.copy_(network.weights["readout.bias"][member])
    return made


def _modules(task: Task, kinds: dict[str, Any], suffix: str) -> list[Any]:
    network = task.network
    made = []
    for member in range(len(network.flat)):
        sizes = network.shape.input_size, network.shape.hidden_size
        module = kinds[network.shape.cell.name](*sizes, device=network.flat.device)
        with torch.no_grad():
            for name, value in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), torch_weights(network, member),
                                   strict=True):  # fmt: skip
                getattr(module, name + suffix).copy_(value)
        made.append(module)
    return made


def _torch_step(
    task: Task, modules: Sequence[nn.Module], forward: Callable[[int, nn.Linear], tuple[Tensor, list[Tensor]]]
) -> Step:
    """Members one after another; ``forward`` gives a member's outputs and the states whose gradients it retains."""
    readouts = [_readout(task.network, member) for member in range(len(modules))]
    parameters = [each for module in (*modules, *readouts) for each in module.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=LR, foreach=True)

    def step() -> tuple[Any, Any]:
        optimizer.zero_grad(set_to_none=True)
        losses, norms = [], []
        for member, readout in enumerate(readouts):
            outputs, states = forward(member, readout)
            loss = functional.cross_entropy(outputs, task.targets[member])
            loss.backward()
            losses.append(loss.detach())
            if states:
                # The mean over the batch divides each sample's own gradient by the batch size.
                norms.append(len(outputs) * torch.stack([state.grad for state in states]).norm(dim=-1))  # type: ignore[misc]
        optimizer.step()
        return torch.stack(losses), torch.stack(norms) if norms else None

    return step


def cell_loop(task: Task) -> Step:
    """A loop over ``torch.nn`` cells with ``retain_grad`` on every state: what people write today."""
    kinds = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}
    cells = _modules(task, kinds, "")
    size, lstm = task.network.shape.hidden_size, task.network.shape.cell.name == "lstm"

    def forward(member: int, readout: nn.Linear) -> tuple[Tensor, list[Tensor]]:
        inputs = task.inputs[member]
        h = c = inputs.new_zeros(inputs.shape[1], size)
        states = []
        for x in inputs.unbind():
            if lstm:
                h, c = cells[member](x, (h, c))
                c.retain_grad()
            else:
                h = cells[member](x, h)
            h.retain_grad()
            states.append(h)
        return readout(h), states

    return _torch_step(task, cells, forward)


def fused(task: Task) -> Step:
    """The fused ``torch.nn.RNN/GRU/LSTM``, which cannot give per-step gradients."""
    modules = _modules(task, {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}, "_l0")

    def forward(member: int, readout: nn.Linear) -> tuple[Tensor, list[Tensor]]:
        return readout(modules[member](task.inputs[member])[0][-1]), []

    return _torch_step(task, modules, forward)


def floor(task: Task) -> Step:
    """The batched matmuls of a step and nothing else: what no way of this kind can go below."""
    network, inputs = task.network, task.inputs
    members, steps, batch, features = inputs.shape
    size, weights = network.shape.hidden_size, network.layer(1)
    w_x, w_h = weights["input"].contiguous(), weights["recurrent"].contiguous()
    x = inputs.reshape(members, steps * batch, features)
    wide_x, wide_h = (torch.randn(members, steps * batch, w.shape[-1]) for w in (w_x, w_h))
    h_all = torch.randn(members, steps * batch, size)
    h, delta = torch.randn(members, batch, size), torch.randn(members, batch, w_h.shape[-1])
    out_h, out_delta = torch.empty_like(h), torch.empty_like(delta)
    grad_x, grad_h, w_back = torch.empty_like(w_x), torch.empty_like(w_h), w_h.mT.contiguous()

    @torch.no_grad()
    def step() -> tuple[Any, Any]:
        torch.bmm(x, w_x, out=wide_x)
        for _ in range(steps):
            torch.bmm(h, w_h, out=out_delta)
        for _ in range(steps):
            torch.bmm(delta, w_back, out=out_h)
        torch.bmm(h_all.mT, wide_h, out=grad_h)
        torch.bmm(x.mT, wide_x, out=grad_x)
        return None, None

    return step


def jax_scan(task: Task) -> Step:
    """JAX: ``vmap`` over members of ``lax.scan``, jitted; per-step gradients as those of zeros added to the states."""
    import jax
    from jax import numpy as jnp

    name, size = task.network.shape.cell.name, task.network.shape.hidden_size
    parameters = {key: jnp.asarray(value.numpy()) for key, value in task.network.weights.items()}
    inputs, targets = jnp.asarray(task.inputs.numpy()), jnp.asarray(task.targets.numpy())

    def cell(recurrent: Any, state: Any, pre: Any) -> Any:
        h, c = state
        if name == "gru":
            n, r, z, m = jnp.split(pre.at[:, size:].add(h @ recurrent), 4, axis=-1)
            n = jnp.tanh(n + jax.nn.sigmoid(r) * m)
            return n + jax.nn.sigmoid(z) * (h - n), c
        pre = pre + h @ recurrent
        if name == "rnn":
            return jnp.tanh(pre), c
        i, f, o, g = jnp.split(pre, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(c), c

    def loss(own: Any, zeros: Any, x: Any, y: Any) -> Any:
        pre = x @ own["layer1.input"]
        missing = own["layer1.bias"].shape[-1] - pre.shape[-1]
        pre = jnp.pad(pre, ((0, 0), (0, 0), (0, missing))) + own["layer1.bias"]

        def step(state: Any, at: Any) -> Any:
            h, c = cell(own["layer1.recurrent"], state, at[0])
            # c is perturbed before h is computed from it in the total derivative; h's own gradient needs h alone.
            return (h + at[1], c), None

        start = jnp.zeros((x.shape[1], size))
        (h, _), _ = jax.lax.scan(step, (start, start), (pre, zeros))
        logits = h @ own["readout.weight"] + own["readout.bias"]
        each = -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1)
        return each.mean()

    zeros = jnp.zeros((*inputs.shape[:3], size))
    batch = inputs.shape[2]

    def train(own: Any, mean: Any, square: Any, count: Any) -> Any:
        values, (grads, states) = jax.vmap(jax.value_and_grad(loss, argnums=(0, 1)))(own, zeros, inputs, targets)
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, grads)
        square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, square, grads)
        own = jax.tree.map(
            lambda p, m, v: p - LR * (m / (1 - 0.9**count)) / (jnp.sqrt(v / (1 - 0.999**count)) + 1e-8),
            own, mean, square,
        )  # fmt: skip
        return own, mean, square, values, batch * jnp.linalg.norm(states, axis=-1)

    compiled = jax.jit(train)
    nothing = jax.tree.map(jnp.zeros_like, parameters)
    kept = [parameters, nothing, nothing, 0]

    def step() -> tuple[Any, Any]:
        kept[3] += 1
        *kept[:3], values, norms = compiled(*kept)
        return torch.from_numpy(jax.device_get(values).copy()), torch.from_numpy(jax.device_get(norms).copy())

    return step
