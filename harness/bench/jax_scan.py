"""JAX's way; imported only where it is measured, for JAX is an optional extra."""

from __future__ import annotations

from typing import Any

import jax
import torch
from jax import numpy as jnp

from harness.bench.task import LR, Step, Task


def jax_scan(task: Task) -> Step:
    """JAX: ``vmap`` over members of ``lax.scan``, jitted; per-step gradients as those of zeros added to the states."""
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
