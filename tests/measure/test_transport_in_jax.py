"""The gradient of each sample's last answer on its way back, against an LSTM written in JAX, in float64."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from harness.engine.network import Network
from harness.experiment import Batch
from harness.settings.members import members
from harness.training.building import build, streams
from harness.training.pack import run
from tests.conftest import Config

SIZE = 5


@pytest.fixture
def in_float64() -> Iterator[None]:
    """JAX computes in float64 for the time being."""
    jax = pytest.importorskip("jax", reason="JAX is an optional extra: pip install '.[bench]'")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["copy", "dyck"])
@torch.no_grad()
def test_an_lstms_transport_is_that_of_jax(config: Config, name: str, in_float64: None) -> None:
    """JAX is asked for dL/d(what is added to c_t, or to h_t), in a scan; nothing of it is shared with the engine."""
    made = members(
        config(
            cell="lstm", experiment=name, seq_len=40, hidden_size=SIZE, weight_scale=1.3, seed=[0, 7],
            train={"steps": 0}, probe={"batch_size": 12},
        )
    )  # fmt: skip
    found = run(made)["transport"]
    network, data = build(made, torch.float64), streams(made, "probe").answering(12, torch.float64)
    for member, each in enumerate(made):
        norms = by_jax(network, member, data.batches[member])
        answers = data.batches[member].answer
        for part, values in norms.items():
            own = found[(found.run_id == each.run_id) & (found.part == part) & (found.layer == 1)].set_index("lag")
            assert len(own) == answers.max()
            for lag in range(answers.max()):
                there = answers > lag
                here = values[there, answers[there] - 1 - lag]
                start = values[there, answers[there] - 1]
                row = own.loc[lag]
                assert row.samples == there.sum()
                assert row.grad_norm == pytest.approx(here.mean(), rel=1e-9)
                assert row.grad_q50 == pytest.approx(np.median(here), rel=1e-9)
                assert row.log_ratio == pytest.approx(np.log(here / start).mean(), rel=1e-9, abs=1e-12)


def by_jax(network: Network, member: int, batch: Batch) -> dict[str, NDArray[np.float64]]:
    """For h and c each sample's norm of the gradient at every step, (B, T)."""
    import jax
    import jax.numpy as jnp

    names = {"w_x": "layer1.input", "w_h": "layer1.recurrent", "b": "layer1.bias"}
    own = {name: jnp.asarray(network.weights[key][member].numpy()) for name, key in names.items()}
    out = {name: jnp.asarray(network.weights[f"readout.{name}"][member].numpy()) for name in ("weight", "bias")}

    def loss(added: Any, tokens: Any, step: Any, target: Any) -> Any:
        def one(state: Any, given: Any) -> Any:
            h, c = state
            token, more_h, more_c = given
            i, f, o, g = jnp.split(own["w_x"][token] + h @ own["w_h"] + own["b"], 4)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g) + more_c
            h = jax.nn.sigmoid(o) * jnp.tanh(c) + more_h
            return (h, c), h

        zero = jnp.zeros(SIZE)
        _, hidden = jax.lax.scan(one, (zero, zero), (tokens, added["h"], added["c"]))
        return -jax.nn.log_softmax(hidden[step - 1] @ out["weight"] + out["bias"])[target]

    last = batch.judged.shape[1] - 1 - batch.judged[:, ::-1].argmax(axis=1)
    targets = np.take_along_axis(batch.targets, last[:, None], 1)[:, 0]
    nothing = {part: jnp.zeros((batch.length, SIZE)) for part in ("h", "c")}
    gradient = jax.jit(jax.vmap(jax.grad(loss), in_axes=(None, 0, 0, 0)))
    found = gradient(nothing, batch.inputs, batch.scored[last], targets)
    return {part: np.linalg.norm(np.asarray(values), axis=-1) for part, values in found.items()}
