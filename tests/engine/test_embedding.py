"""Learned vectors for tokens, against torch.nn.Embedding before torch's own layers, in float64."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import harness
from harness.base.errors import UserError
from harness.base.seeds import stream
from harness.cells import Cell
from harness.cells.classic.rnn import RNN
from harness.cells.gated.lstm import LSTM
from harness.engine.network import Network
from harness.engine.weights import Architecture, MemberInit, views
from harness.measure.evaluation import EVAL_SAMPLES
from harness.measure.moment import Moment
from harness.settings.members import members, packs
from harness.tasks.streams import Streams
from harness.training.building import build
from harness.training.expected import expected_rate
from harness.training.keeping import Keeper
from harness.training.pack import Pack, run
from tests.conftest import Config
from tests.engine.test_engine import by

MEMBERS, LAYERS, STEPS, BATCH, TOKENS, SIZE, WIDTH, OUTPUTS = 2, 2, 7, 4, 9, 5, 3, 2
SCORED = [3, STEPS]
EXACT = {"rtol": 0, "atol": 1e-12}


def network(cell: Cell, way: str = "compiled", members: int = MEMBERS, dtype: torch.dtype = torch.float64) -> Network:
    shape = Architecture(cell, TOKENS, WIDTH, LAYERS, OUTPUTS, embedding_size=SIZE)
    inits = [MemberInit(cell, seed, "gaussian", 1.0) for seed in range(members)]
    return by(Network.create(shape, inits, dtype, "cpu", compiled=False), way)


def tokens(members: int = MEMBERS) -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).integers(TOKENS, size=(members, STEPS, BATCH)))


def loss(outputs: Tensor) -> Tensor:
    return outputs.sin().sum(dim=(2, 3))


@pytest.mark.parametrize("way", ["compiled", "stepwise", "general"])
@pytest.mark.parametrize("cell", [RNN(), LSTM()], ids=["rnn", "lstm"])
def test_gradients_are_those_of_torchs_embedding_before_torchs_layer(cell: Cell, way: str) -> None:
    made, given = network(cell, way), tokens()
    keep, flat = made.step_gradients(given, totals=True), torch.zeros_like(made.flat)
    losses, grad_x = made.gradients(given, SCORED, loss, flat, keep, need_input_grad=True)
    found, own = views(made.shape, flat), cell.of_torch()
    assert own is not None
    assert grad_x is not None
    for k in range(MEMBERS):
        mine = {name: value[k] for name, value in made.weights.items()}
        embedding = nn.Embedding.from_pretrained(mine["layer1.embedding"].clone(), freeze=False)
        layer = getattr(nn, own.name)(SIZE, WIDTH, LAYERS, dtype=torch.float64, **own.options)
        parts = [
            {name[7:]: value for name, value in mine.items() if name.startswith(f"layer{n}.") and "embed" not in name}
            for n in (1, 2)
        ]
        weights = {f"{name}_l{n}": value for n, each in enumerate(parts) for name, value in own.given(each).items()}
        layer.load_state_dict(weights)
        with torch.enable_grad():
            entering = embedding(given[k])
            entering.retain_grad()
            said = layer(entering)[0][[step - 1 for step in SCORED]].transpose(0, 1) @ mine["readout.weight"]
            wanted = loss((said + mine["readout.bias"])[None])[0]
            wanted.sum().backward()
        torch.testing.assert_close(losses[k], wanted.detach(), **EXACT)
        torch.testing.assert_close(found["layer1.embedding"][k], embedding.weight.grad, **EXACT)
        # By a token: what its one-hot vector would be given.
        torch.testing.assert_close(grad_x[k], entering.grad @ mine["layer1.embedding"].T, **EXACT)
        for n in range(LAYERS):
            theirs = {name: getattr(layer, f"{name}_l{n}").grad for name in ("weight_ih", "weight_hh")}
            zeros = {name: torch.zeros_like(getattr(layer, f"{name}_l{n}")) for name in ("bias_ih", "bias_hh")}
            for name, value in own.taken(theirs | zeros).items():
                if name in ("input", "recurrent"):
                    torch.testing.assert_close(found[f"layer{n + 1}.{name}"][k], value, **EXACT)


def test_vectors_start_from_a_normal_distribution_by_seed_and_leave_other_weights_as_they_were() -> None:
    made = network(LSTM(), "stepwise").weights
    rows = [stream(seed, "weights", "layer1.embedding").standard_normal((TOKENS, SIZE)) for seed in range(MEMBERS)]
    np.testing.assert_array_equal(made["layer1.embedding"], np.stack(rows))
    shape = Architecture(LSTM(), SIZE, WIDTH, LAYERS, OUTPUTS)
    plain = Network.create(shape, [MemberInit(LSTM(), 1, "gaussian", 1.0)], torch.float64, "cpu", compiled=False)
    assert all(value[0].equal(made[name][1]) for name, value in plain.weights.items())


@pytest.mark.parametrize("way", ["compiled", "stepwise"])
def test_a_members_embedding_does_not_depend_on_its_company(way: str) -> None:
    made, given = network(LSTM(), way, 3, torch.float32), tokens(3)
    together, alone = torch.zeros_like(made.flat), torch.zeros_like(made.flat[:1])
    losses, _ = made.gradients(given, SCORED, loss, together)
    single, _ = made.only([1]).gradients(given[1:2], SCORED, loss, alone)
    tolerance = {"rtol": 0, "atol": 0.0 if way == "compiled" else 1e-6}
    torch.testing.assert_close(single[0], losses[1], **tolerance)
    torch.testing.assert_close(alone[0], together[1], **tolerance)


def test_runs_learn_their_vectors_and_probes_know_what_enters_the_cell(config: Config) -> None:
    runs = members(config(cell="lstm", embedding_size=3, seed=[0, 1], probes={"time_scales": {}, "saturation": {}}))
    tables, pack = run(runs), Pack(runs)
    assert (tables["runs"].embedding_size == 3).all()
    moment = Moment(pack.probed, pack.probe_data, runs[0].experiment, 0)
    rows = torch.stack([pack.probed.weights["layer1.embedding"][k][moment.data.inputs[k, 4]] for k in range(2)])
    torch.testing.assert_close(moment.entering(1, 5), rows)
    before = build(runs, torch.float32).weights["layer1.embedding"]
    for _ in range(2):
        pack.take_gradient()
        pack.move()
    seen = torch.zeros(2, before.shape[1], dtype=torch.bool)
    data = Streams(runs[0].experiment, 8, [0, 1], "train")
    for _ in range(2):
        batch = data.next(8, torch.float32).inputs.flatten(1)
        seen.scatter_(1, batch, torch.ones_like(batch, dtype=torch.bool))
    moved = (pack.network.weights["layer1.embedding"] != before).any(-1)
    assert moved.equal(seen)
    assert not seen.all()


def test_kept_networks_hold_the_vectors_and_take_tokens(config: Config, tmp_path: Path) -> None:
    runs = members(config(cell="lstm", embedding_size=3, num_layers=2, dropout=0.5))
    tables = run(runs, keeper=Keeper(tmp_path / "jobs" / "0", runs, best=False))
    kept = harness.network(tmp_path, runs[0].run_id)
    assert kept.get_parameter("layer1.embedding").shape == (runs[0].experiment.input_size, 3)
    held = Streams(runs[0].experiment, 8, [0], "eval").held_out(EVAL_SAMPLES, torch.float32)
    with torch.no_grad():
        outputs, _ = kept(held.inputs[0].transpose(0, 1))  # without dropout, as evaluations are
    loss = held.loss(outputs[None, :, [step - 1 for step in held.scored]]).mean().item()
    assert loss == pytest.approx(tables["runs"].loss.item(), rel=1e-5)
    with pytest.raises(UserError, match=r"^cell lstm, embedding_size=3: torch\.nn has no such layer"):
        kept.to_torch()


def test_theory_knows_how_long_an_embedded_token_is(config: Config) -> None:
    (plain,), (embedded,) = members(config()), members(config(embedding_size=4, input_scale=0.5))
    assert expected_rate(embedded, 1.0) == expected_rate(plain, 4 * 0.5**2)


def test_an_embedding_is_for_tokens_and_changes_shapes(config: Config) -> None:
    with pytest.raises(
        UserError, match=r"^embedding_size=4: experiment=adding gives real vectors, and no tokens; valid: null$"
    ):
        members(config(experiment="adding", embedding_size=4))
    assert not packs("embedding_size", ["rnn"])
