"""Kept networks as modules; probes and watches of torch's modules, against loops that a user would write."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import harness
from harness.api.networks import of_torch
from harness.base.errors import UserError
from harness.cells.gated.lstm import LSTM
from harness.engine.network import Network
from harness.engine.weights import Architecture, MemberInit, views
from harness.experiment import Batch, Classes, Values
from harness.measure.evaluation import EVAL_SAMPLES
from harness.plugins.registry import registry
from harness.settings.members import members
from harness.settings.resolve import resolve
from harness.settings.settings import Settings
from harness.tasks.streams import Streams
from harness.training.building import architecture
from harness.training.checkpoint import Checkpoint
from harness.training.keeping import Keeper
from harness.training.pack import run
from tests.conftest import Config

B, T, F, H, N = 4, 7, 3, 5, 2

LAYERS = {
    "rnn": lambda: nn.RNN(F, H, 2, batch_first=True),
    "rnn_relu": lambda: nn.RNN(F, H, 2, nonlinearity="relu", batch_first=True),
    "gru": lambda: nn.GRU(F, H, 2, batch_first=True),
    "lstm": lambda: nn.LSTM(F, H, 2, batch_first=True),
}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def data() -> tuple[Tensor, Tensor]:
    return torch.randn(B, T, F).double(), torch.randint(0, N, (B, 1))


def profile(states: list[Tensor]) -> Any:
    """Mean over the batch of the norms of retained gradients."""
    return np.array([each.grad.norm(dim=-1).mean().item() for each in states])


@pytest.mark.parametrize("name", LAYERS)
def test_torchs_layers_and_ours_compute_the_same_both_ways(name: str) -> None:
    layer, readout, (x, _) = LAYERS[name]().double(), nn.Linear(H, N).double(), data()
    network = of_torch(layer, readout)
    assert network.shape.cell.name == name
    wanted, last = layer(x)
    outputs, states = network(x)
    torch.testing.assert_close(outputs, readout(wanted), rtol=0, atol=1e-12)
    final = last if isinstance(last, tuple) else (last,)
    for part, values in zip(states[1], final, strict=True):
        torch.testing.assert_close(states[1][part][:, -1], values[1], rtol=0, atol=1e-12)
    again, also = network.to_torch()
    torch.testing.assert_close(also(again(x)[0]), outputs, rtol=0, atol=1e-10)
    outputs.sum().backward()
    assert all(each.grad is not None for each in network.parameters())


def test_a_sequence_in_two_pieces_is_the_whole() -> None:
    network, (x, _) = of_torch(nn.GRU(F, H, 2).double(), nn.Linear(H, N, bias=False).double()), data()
    assert not network.get_parameter("readout.bias").any()
    whole, states = network(x)
    first, found = network(x[:, :3])
    rest, end = network(x[:, 3:], [{part: values[:, -1] for part, values in layer.items()} for layer in found])
    torch.testing.assert_close(torch.cat([first, rest], dim=1), whole)
    torch.testing.assert_close(end[0]["h"][:, -1], states[0]["h"][:, -1])


def test_cells_without_a_layer_of_torch_say_so() -> None:
    shape = Architecture(LSTM(form="coupled_gates"), F, H, 1, N)
    member = Network.create(shape, [MemberInit(shape.cell, 0, "orthogonal", 1.0)], torch.float64, "cpu", compiled=False)
    network = harness.RecurrentNetwork(shape, {name: value[0] for name, value in views(shape, member.flat).items()})
    with pytest.raises(UserError, match=r"cell lstm: torch.nn has no such layer; valid: gru, lstm, rnn, rnn_relu"):
        network.to_torch()
    for wrong in ({"bidirectional": True}, {"proj_size": 2}, {"bias": False}):
        with pytest.raises(UserError, match="valid: one direction, no proj_size, with biases"):
            of_torch(nn.LSTM(F, H, **wrong), nn.Linear(H, N))


@pytest.mark.parametrize("kind", ["experiment", "cell"])
def test_settings_come_back_from_their_configuration(kind: str, config: Config) -> None:
    for name in registry().names(kind):
        if name == "module":
            continue
        chosen = {kind: {"name": name}, "seq_len": 24} if kind == "experiment" else {kind: name}
        try:
            (found,) = members(config(**chosen))
        except UserError:
            continue  # not for this length
        again = resolve(found.configuration())
        assert (again, again.run_id) == (found, found.run_id)


@pytest.fixture
def kept(tmp_path: Path, config: Config) -> tuple[Path, list[Settings], Any]:
    """Two runs whose last and best weights were kept, and their tables."""
    runs = members(config(cell="lstm", seed=[0, 1], seq_len=6, train={"steps": 30}, probe={"every": 5}))
    return tmp_path, runs, run(runs, keeper=Keeper(tmp_path / "jobs" / "0", runs, best=True))


def held_out_loss(network: harness.RecurrentNetwork, settings: Settings) -> float:
    """The mean loss on the run's held-out samples, by torch."""
    held = Streams(settings.experiment, settings.seq_len, [settings.seed], "eval").held_out(EVAL_SAMPLES, torch.float32)
    with torch.no_grad():
        outputs, _ = network(held.inputs[0].transpose(0, 1))
    return held.loss(outputs[None, :, [step - 1 for step in held.scored]]).mean().item()


def test_kept_weights_have_the_losses_that_the_tables_say(kept: tuple[Path, list[Settings], Any]) -> None:
    directory, runs, tables = kept
    for settings in runs:
        losses = tables["curves"][tables["curves"].run_id == settings.run_id].loss
        last, best = (harness.network(directory, settings.run_id, which) for which in ("last", "best"))
        assert (last.settings, best.settings) == (settings, settings)
        assert held_out_loss(last, settings) == pytest.approx(losses.iloc[-1], rel=1e-5)
        assert held_out_loss(best, settings) == pytest.approx(losses.min(), rel=1e-5)
    assert all(one.run_id != two.run_id for one, two in pairwise(runs))


def test_what_was_not_kept_or_is_damaged_is_one_line(kept: tuple[Path, list[Settings], Any]) -> None:
    directory, (run, _), _ = kept
    with pytest.raises(UserError, match=r"no weights of run nosuch here; valid: a run of a sweep with keep.best"):
        harness.network(directory, "nosuch", "best")
    with pytest.raises(UserError, match=r"no weights of run nosuch here; valid: a run of a sweep with keep.weights"):
        harness.network(directory, "nosuch")
    path = directory / "jobs" / "0" / "weights" / f"{run.run_id}.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=rf"{path}: cannot be read"):
        harness.network(directory, run.run_id)


def test_a_pack_that_was_interrupted_keeps_the_same_weights(
    kept: tuple[Path, list[Settings], Any], tmp_path: Path
) -> None:
    directory, runs, _ = kept
    ids = [each.run_id for each in runs]

    def stop(step: int) -> None:
        if step == 17:
            raise KeyboardInterrupt

    again = tmp_path / "again" / "jobs" / "0"
    checkpoint = Checkpoint(tmp_path / "checkpoint-0.pt", ids, every=16)
    with pytest.raises(KeyboardInterrupt):
        run(runs, stop, checkpoint, keeper=Keeper(again, runs, best=True))
    run(runs, checkpoint=Checkpoint(tmp_path / "checkpoint-0.pt", ids, every=16), keeper=Keeper(again, runs, best=True))
    for run_id in ids:
        for which in ("last", "best"):
            one, two = (harness.network(place, run_id, which).state_dict() for place in (directory, tmp_path / "again"))
            assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_probe_and_watch_find_what_autograd_finds_in_a_users_loop(kind: str) -> None:
    cell, readout, (x, y) = getattr(nn, f"{kind}Cell")(F, H).double(), nn.Linear(H, N).double(), data()
    state, states = None, []
    for t in range(T):
        state = cell(x[:, t], state)
        states.append(state if isinstance(state, tuple) else (state,))
        for each in states[-1]:
            each.retain_grad()
    nn.functional.cross_entropy(readout(states[-1][0]), y[:, 0], reduction="sum").backward()
    wanted = np.concatenate([profile(list(part)) for part in zip(*states, strict=True)])

    layer = getattr(nn, kind)(F, H, batch_first=True).double()
    layer.load_state_dict({f"{name}_l0": value for name, value in cell.state_dict().items()})
    for module in (cell, layer):
        found = harness.probe(module, (x.numpy(), y.numpy()), readout=readout)
        own = found.gradients[found.gradients.part != "x"]
        np.testing.assert_allclose(own.grad_norm, wanted, rtol=1e-12)
        assert own.lag.tolist() == [*range(T - 1, -1, -1)] * len(states[0])
    with harness.watch(layer) as watched:
        outputs, _ = layer(x)
        nn.functional.cross_entropy(readout(outputs[:, -1]), y[:, 0]).backward()
        rows = watched.take()
    np.testing.assert_allclose(rows.grad_norm, wanted, rtol=1e-12)
    torch.testing.assert_close(outputs, layer(x)[0])
    assert "forward" not in vars(layer)


def test_a_training_loop_is_watched_without_changing_it() -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.below, self.above, self.readout = nn.LSTM(F, H, 2, dropout=0.0), nn.GRUCell(H, H), nn.Linear(H, N)

        def forward(self, x: Tensor) -> Tensor:
            state = None
            for row in self.below(x.transpose(0, 1))[0]:
                state = self.above(row, state)
            return self.readout(state)

    def losses(watching: bool) -> list[float]:
        torch.manual_seed(1)
        model, found = Reader().double(), []
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with harness.watch(model) as watched:
            for _ in range(3):
                loss = nn.functional.cross_entropy(model(x), y[:, 0])
                optimizer.zero_grad()
                loss.backward()
                if watching:
                    taken.append(watched.take())
                optimizer.step()
                found.append(loss.item())
        return found

    (x, y), taken = data(), list[Any]()
    assert losses(True) == losses(False)
    assert [rows.step.unique().tolist() for rows in taken] == [[1], [2], [3]]
    parts = taken[0][["layer", "part"]].drop_duplicates().to_numpy().tolist()
    assert parts == [[1, "h"], [1, "c"], [2, "h"], [2, "c"], [3, "h"]]


def test_an_update_that_is_not_taken_is_forgotten() -> None:
    x, _ = data()
    for watched_one in (nn.LSTM(F, H, batch_first=True).double(), nn.GRUCell(F, H).double()):
        with harness.watch(watched_one) as watched:
            for length in (T, T - 2, T - 3):
                if isinstance(watched_one, nn.LSTM):
                    out = watched_one(x[:, :length])[0][:, -1]
                else:
                    out = None
                    for step in x[:, :length].transpose(0, 1):
                        out = watched_one(step, out)
                out.sum().backward()
            found = watched.take()
        assert found.t.max() == T - 3


def test_of_a_layer_that_runs_twice_before_the_gradient_comes_the_last_sequence_counts() -> None:
    layer, (x, _) = nn.LSTM(F, H, 2, batch_first=True).double(), data()
    found = []
    for lengths in ((T, T - 3), (T - 3,)):
        with harness.watch(layer, loss="sum") as watched:
            sum(layer(x[:, :length])[0][:, -1].sum() for length in lengths).backward()
            found.append(watched.take().drop(columns="step"))
    assert len(found[0]) == 2 * 2 * (T - 3)
    assert found[0].equals(found[1])


def test_a_watched_layer_drops_out_what_torch_does_between_its_layers() -> None:
    """Where all is dropped, nothing is left to chance: the upper layer sees zeros, and its outputs are all there."""
    layer, (x, _) = nn.LSTM(F, H, 2, dropout=1.0, batch_first=True).double(), data()
    with harness.watch(layer):
        outputs, _ = layer(x)
    torch.testing.assert_close(outputs, layer(x)[0])
    assert outputs.abs().min() > 0
    layer.eval()
    with harness.watch(layer):
        torch.testing.assert_close(layer(x)[0], layer(x.clone().detach())[0])
        seen = layer(x)[0]
    torch.testing.assert_close(seen, layer(x)[0])
    assert (seen - outputs).abs().max() > 1e-3


def test_a_watch_within_a_watch_leaves_the_layer_as_it_was() -> None:
    layer, (x, _) = nn.LSTM(F, H).double(), data()
    with harness.watch(layer) as outer:
        with harness.watch(layer) as inner:
            layer(x)[0].sum().backward()
            assert len(inner.take()) == 2 * B
        layer(x)[0].sum().backward()
        assert len(outer.take()) == 2 * B
    assert "forward" not in vars(layer)


def test_what_cannot_be_watched_says_so() -> None:
    layer, (x, _) = nn.LSTM(F, H).double(), data()
    for wrong, said in [(("lstm",), "model: a str"), ((layer, "avg"), "loss=avg: valid: mean, sum")]:
        with pytest.raises(UserError, match=said):
            harness.watch(*wrong)
    other = nn.Linear(F, H).double()
    with harness.watch(other), pytest.raises(UserError, match=r"model: gives \(4, 7, 5\); valid: a cell's state"):
        other(x)
    with pytest.raises(UserError, match="one direction"), harness.watch(nn.GRU(F, H, bidirectional=True)):
        pass
    with harness.watch(layer) as watched:
        with pytest.raises(UserError, match="nothing has run"):
            watched.take()
        layer(x)
        with pytest.raises(UserError, match="no gradient has come back"):
            watched.take()
        with pytest.raises(UserError, match="packed sequences"):
            layer(nn.utils.rnn.pack_sequence([x[0]]))


def test_probes_and_experiments_work_on_kept_networks(kept: tuple[Path, list[Settings], Any]) -> None:
    directory, (settings, _), _ = kept
    network = harness.network(directory, settings.run_id)
    batch = settings.experiment.sample(np.random.default_rng(0), 6, 9)
    found = harness.probe(network, batch, probes=["gates"])
    assert set(found.gradients.run_id) == {settings.run_id}
    assert {"i", "f", "o"} <= set(found["gates"].columns) | set(found["gates"].get("gate", []))
    assert [set(found[name].step) for name in ("gates", "gradients", "transport")] == [{0}] * 3
    assert found.transport.lag.max() == 8


@pytest.mark.parametrize("meaning", [None, Values(tolerance=0.1, n=2)])
def test_a_runs_network_is_probed_on_its_task_unless_outputs_are_said_to_mean_something_else(
    meaning: Values | None, config: Config
) -> None:
    """Against the loss in torch, of a layer of torch that is watched."""
    (settings,) = members(config(cell="rnn", experiment={"name": "flip_flop", "bits": 2}, seq_len=T))
    shape = architecture(settings)
    weights = {name: torch.randn(parameter.shape).double() for name, parameter in shape.parameters().items()}
    network = harness.RecurrentNetwork(shape, weights, settings)
    batch = settings.experiment.sample(np.random.default_rng(0), B, T)
    batch.targets = batch.targets if meaning is None else batch.targets.astype(float)
    found = harness.probe(network, batch, outputs=meaning).gradients
    (layer, readout), x = network.to_torch(), torch.from_numpy(batch.inputs)
    x = x if x.is_floating_point() else nn.functional.one_hot(x, shape.input_size)
    loss = nn.functional.binary_cross_entropy_with_logits if meaning is None else nn.functional.mse_loss
    with harness.watch(layer, loss="sum") as watched:
        outputs = readout(layer(x.double())[0])[:, batch.scored - 1]
        (B * loss(outputs, torch.from_numpy(batch.targets).double())).backward()
        wanted = watched.take()
    own = found[found.part == "h"]
    np.testing.assert_allclose(own.grad_norm, wanted.grad_norm, rtol=1e-9)
    assert set(found.run_id) == {settings.run_id}


def test_a_batch_that_does_not_fit_is_one_line() -> None:
    layer, readout = nn.LSTM(F, H), nn.Linear(H, N)
    for given, said in [
        ((np.zeros((B, T, F + 1)), np.zeros((B, 1), dtype=int)), "batch: "),
        ((np.zeros((B, T, F)), np.full((B, 1), N)), "batch: "),
        ((np.zeros((B, T, F)), np.zeros(B, dtype=int)), "batch: targets: shape"),
        ((np.zeros((B, T, F)),), r"batch: a tuple; valid: a harness.experiment.Batch, or \(inputs, targets\)"),
    ]:
        with pytest.raises(UserError, match=said) as error:
            harness.probe(layer, given, readout=readout)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match=r"Tanh: how many numbers enter is not known; valid: inputs \(B, T, F\)"):
        harness.probe(nn.Tanh(), (np.zeros((B, T), dtype=int), np.zeros((B, 1), dtype=int)), readout=readout)
    with pytest.raises(UserError, match="readout: missing"):
        harness.probe(layer, Batch(np.zeros((B, T, F)), np.zeros((B, 1), dtype=int)), outputs=Classes(N))
    given = (np.zeros((B, T, F)), np.zeros((B, 1), dtype=int))
    for wrong, said in [
        ({"network": "lstm"}, "network: a str"),
        ({"readout": nn.Linear(H + 1, N)}, "readout: takes 6 numbers; valid: the layer's 5"),
        ({"dtype": "float46"}, "dtype=float46: unknown dtype"),
    ]:
        with pytest.raises(UserError, match=said):
            harness.probe(**{"network": layer, "batch": given, "readout": readout, **wrong})


def test_a_module_that_is_made_of_modules_is_probed_as_it_is() -> None:
    class Lazy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(F + H, H), nn.Tanh())

        def forward(self, x: Tensor, h: Tensor) -> Tensor:
            return 0.9 * h + 0.1 * self.inner(torch.cat([x, h], dim=1))

    module, readout, (x, y) = Lazy().double(), nn.Linear(H, N).double(), data()
    h, states = torch.zeros(B, H).double(), []
    for t in range(T):
        h = module(x[:, t], h)
        h.retain_grad()
        states.append(h)
    nn.functional.cross_entropy(readout(h), y[:, 0], reduction="sum").backward()
    found = harness.probe(module, (x.numpy(), y.numpy()), readout=readout).gradients
    np.testing.assert_allclose(found[found.part == "h"].grad_norm, profile(states), rtol=1e-12)
