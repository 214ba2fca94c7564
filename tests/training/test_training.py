"""A whole training against one of one's own: torch.nn cells, torch.optim, and batches drawn by hand."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from harness.base.seeds import stream
from harness.experiment import Batch
from harness.plugins.registry import registry
from harness.settings.members import members
from harness.settings.settings import Settings
from harness.training.building import build
from harness.training.pack import Pack, run
from tests.conftest import Config
from tests.helpers.reference import torch_cells

OPTIMIZERS: dict[str, Any] = {
    "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop,
}  # fmt: skip


def own_training(settings: Settings, cells: list[nn.Module], readout: nn.Linear) -> Iterator[dict[str, float]]:
    """What the table of curves should say of a run: a row before training, and after every step."""
    task, length, train = settings.experiment, settings.seq_len, settings.train
    weights = [
        weight for module in (*cells, readout) for name, weight in module.named_parameters() if name != "bias_hh"
    ]
    for module in cells:  # torch has two biases where one does
        module.bias_hh.requires_grad_(False)
    own = {"momentum": train.momentum} if train.optimizer == "sgd" else {}
    own |= {} if train.weight_decay is None else {"weight_decay": train.weight_decay}
    optimizer = OPTIMIZERS[train.optimizer](weights, lr=train.lr, **own)
    fading = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=train.steps)
    rng = stream(settings.seed, "train", task.name, length)
    held_out = task.sample(stream(settings.seed, "eval", task.name, length), 512, length)
    probe = task.sample(stream(settings.seed, "probe", task.name, length), settings.probe.batch_size, length)

    def loss_and_right(batch: Batch) -> tuple[torch.Tensor, float]:
        x = nn.functional.one_hot(torch.from_numpy(batch.inputs), task.input_size).double()
        states = [(torch.zeros(len(x), settings.hidden_size, dtype=torch.float64),) * 2 for _ in cells]
        for t in range(length):
            below = x[:, t]
            for layer, cell in enumerate(cells):
                states[layer] = cell(below, states[layer])
                below = states[layer][0]
        logits, target = readout(below), torch.from_numpy(batch.targets[:, 0])
        return nn.functional.cross_entropy(logits, target), float((logits.argmax(1) == target).double().mean())

    def row(step: int, clipped: float) -> dict[str, float]:
        for weight in weights:
            weight.grad = None
        loss, _ = loss_and_right(probe)
        loss.backward()
        norm = torch.sqrt(sum((weight.grad**2).sum() for weight in weights))
        with torch.no_grad():
            held, right = loss_and_right(held_out)
        return {
            "step": step,
            "loss": float(held),
            "accuracy": right,
            "grad_norm_weights": float(norm),
            "clipped": clipped,
        }

    with torch.enable_grad():
        yield row(0, 0.0)
        for step in range(1, train.steps + 1):
            optimizer.zero_grad()
            loss_and_right(task.sample(rng, train.batch_size, length))[0].backward()
            norm = torch.sqrt(sum((weight.grad**2).sum() for weight in weights))
            if train.clip_value is not None:
                nn.utils.clip_grad_value_(weights, train.clip_value)
            clipped = train.clip_norm is not None and bool(norm > train.clip_norm)
            if clipped:
                for weight in weights:
                    weight.grad *= train.clip_norm / norm
            optimizer.step()
            if train.schedule == "cosine":
                fading.step()
            yield row(step, float(clipped))


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
@pytest.mark.parametrize("compile", [False, True])
def test_a_run_learns_what_a_training_with_torch_learns(config: Config, optimizer: str, compile: bool) -> None:
    train = {"optimizer": optimizer, "lr": [0.003, 0.02], "clip_norm": [None, 0.4], "steps": 5, "batch_size": 7}
    runs = members(
        config(
            cell="lstm", num_layers=2, seed=[0, 1], dtype="float64", train=train, probe={"every": 1},
            engine={"compile": compile},
        )
    )  # fmt: skip
    curves = run(runs)["curves"]
    assert len(runs) == 8
    ever_clipped = []
    for place, settings in enumerate(runs):
        cells, readout = torch_cells(build(runs, torch.float64), place)
        expected = pd.DataFrame(own_training(settings, cells, readout))
        found = curves[curves.run_id == settings.run_id].reset_index(drop=True)
        pd.testing.assert_frame_equal(found[list(expected)], expected, check_dtype=False, rtol=1e-9)
        ever_clipped.append(found.clipped.max())
    assert set(ever_clipped) == {0.0, 1.0}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_with_all_options_learns_what_a_training_with_torch_learns(config: Config, optimizer: str) -> None:
    """Decay, momentum, values clipped, and a cosine: all at once, in runs that train together."""
    train = {
        "optimizer": optimizer, "lr": 0.05, "clip_norm": None, "clip_value": [0.02, 1e9], "weight_decay": 0.2,
        "momentum": 0.9 if optimizer == "sgd" else 0.0, "schedule": "cosine", "steps": 4,
    }  # fmt: skip
    runs = members(config(cell="lstm", dtype="float64", train=train, probe={"every": 1}))
    curves = run(runs)["curves"]
    for place, settings in enumerate(runs):
        cells, readout = torch_cells(build(runs, torch.float64), place)
        expected = pd.DataFrame(own_training(settings, cells, readout)).drop(columns="clipped")
        found = curves[curves.run_id == settings.run_id].reset_index(drop=True)
        pd.testing.assert_frame_equal(found[list(expected)], expected, check_dtype=False, rtol=1e-9)
        assert found.clipped.max() == (settings.train.clip_value == 0.02)


def test_a_weight_that_is_fixed_stays_where_it_is_when_others_decay(config: Config) -> None:
    train = {"optimizer": "adamw", "weight_decay": 1.0, "steps": 3}
    (settings,) = members(config(cell="echo_state", train=train))
    pack = Pack([settings])
    before = {name: value.clone() for name, value in pack.network.weights.items()}
    for _ in range(3):
        pack.take_gradient()
        pack.move()
    still = {name for name, value in pack.network.weights.items() if torch.equal(value, before[name])}
    fixed = {name for name, each in pack.network.shape.parameters().items() if not each.trained}
    assert still == fixed != set()


def test_the_share_of_clipped_steps_is_that_since_the_measurement_before(config: Config) -> None:
    made = config(cell="lstm", seed=[0, 1], dtype="float64", train={"steps": 7, "clip_norm": 0.35}, probe={"every": 1})
    each = run(members(made))["curves"].groupby("run_id", sort=False)
    made["probe"]["every"] = 3
    some = run(members(made))["curves"].groupby("run_id", sort=False)
    for (_, all_rows), (_, rows) in zip(each, some, strict=True):
        own = all_rows.clipped.to_numpy()
        assert 0 < own.mean() < 1
        np.testing.assert_allclose(rows.clipped, [0, own[1:4].mean(), own[4:7].mean(), own[7]])


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_when_the_first_members_are_left_out_the_others_go_on_with_their_own(config: Config, optimizer: str) -> None:
    """Of six runs the first four diverge: rates, limits, averages, data and clipping of the last two stay theirs."""
    wild = {"cell": "rnn_relu", "init": "identity", "seq_len": 40, "engine": {"compile": True}}
    train = {"optimizer": optimizer, "steps": 12, "lr": [0.02, 0.003], "clip_norm": 0.5}
    pack = run(members(config(weight_scale=[41.0, 40.0, 1.0], train=train, seed=4, **wild)))
    kept = pack["runs"][pack["runs"].weight_scale == 1.0]
    assert kept.status.tolist() == ["ok", "ok"]
    assert set(pack["runs"][pack["runs"].weight_scale > 1].status) == {"diverged"}
    for lr, run_id in zip(kept["train.lr"], kept.run_id, strict=True):
        alone = run(members(config(weight_scale=1.0, seed=4, train={**train, "lr": lr}, **wild)))
        assert alone["runs"].run_id.tolist() == [run_id]
        for name in ("curves", "gradients", "transport", "samples"):
            rows = pack[name][pack[name].run_id == run_id].reset_index(drop=True)
            pd.testing.assert_frame_equal(rows, alone[name], check_exact=True)


def test_the_spectral_radius_is_that_of_the_largest_block(config: Config) -> None:
    found = run(members(config(cell="lstm", weight_scale=[0.9, 1.25], train={"steps": 0})))["curves"]
    np.testing.assert_allclose(found.spectral_radius, [0.9, 1.25], rtol=1e-6)  # all eigenvalues of g·Q have |λ| = g
    runs = members(config(cell="gru", init="gaussian", num_layers=2, dtype="float64", train={"steps": 0}))
    network = build(runs, torch.float64)
    blocks = [block for layer in (1, 2) for block in np.split(network.layer(layer)["recurrent"][0].numpy(), 3, axis=1)]
    largest = max(np.abs(np.linalg.eigvals(block)).max() for block in blocks)
    assert run(runs)["curves"].spectral_radius.item() == pytest.approx(largest)
    without = run(members(config(cell="feedforward", train={"steps": 0})))["curves"]
    assert without.spectral_radius.tolist() == [0.0]
    network.flat[:] = torch.nan
    assert np.isnan(network.spectral_radius()).all()


def test_the_time_of_a_pack_is_shared_by_its_runs(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 16.0])
    monkeypatch.setattr("harness.training.pack.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    found = run(members(config(seed=[0, 1, 2], train={"steps": 0})))["runs"]
    assert found.seconds.tolist() == [2.0] * 3


def test_after_every_training_step_and_only_then_somebody_is_told(config: Config) -> None:
    told: list[int] = []
    run(members(config(train={"steps": 4})), told.append)
    assert told == [1, 2, 3, 4]


def test_the_number_of_parameters_is_that_of_torchs_modules(config: Config) -> None:
    runs = members(config(cell="lstm", num_layers=2, train={"steps": 0}))
    cells, readout = torch_cells(build(runs, torch.float64), 0)
    count = sum(weight.numel() for module in (*cells, readout) for weight in module.parameters())
    biases = sum(cell.bias_hh.numel() for cell in cells)
    found = run(runs)["runs"].iloc[0]
    assert (found.parameters, found.eval_samples) == (count - biases, 512)
    assert registry().get("experiment", "recall_dish")().chance(8) == found.chance
