"""Dropout between layers, against torch.nn.LSTM layers and masks that are put in by hand, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from harness.base.errors import UserError
from harness.base.seeds import stream
from harness.cells.gated.lstm import LSTM
from harness.engine.dropout import Dropout, Masks
from harness.engine.network import Network
from harness.engine.weights import Architecture, MemberInit, views
from harness.settings.members import members, packs
from harness.tasks.streams import Streams
from harness.training.pack import Pack, run
from tests.conftest import Config
from tests.helpers.counting import Counting, settings

LAYERS, STEPS, BATCH, FEATURES, WIDTH, OUTPUTS = 3, 7, 4, 5, 6, 2
SCORED = [3, STEPS]
EXACT = {"rtol": 0, "atol": 1e-12}
LIKE = torch.zeros(1, dtype=torch.float64)


def network(count: int, compiled: bool = True, recompute: bool = False, dtype: torch.dtype = torch.float64) -> Network:
    shape = Architecture(LSTM(), FEATURES, WIDTH, LAYERS, OUTPUTS)
    inits = [MemberInit(LSTM(), seed, "gaussian", 1.0) for seed in range(count)]
    return Network.create(shape, inits, dtype, "cpu", compiled, recompute)


def inputs(count: int) -> Tensor:
    return torch.randn(count, STEPS, BATCH, FEATURES, dtype=torch.float64, generator=torch.manual_seed(1))


def loss(outputs: Tensor) -> Tensor:
    return outputs.sin().sum(dim=(2, 3))


def drawn(kind: Any, rates: list[float], seeds: list[int], step: int = 0, windows: int = 1) -> Masks:
    found = Dropout(rates, seeds, kind).masks(step, windows, (STEPS, BATCH), [WIDTH] * (LAYERS - 1), LIKE)
    assert found is not None
    return found


@pytest.mark.parametrize("way", ["compiled", "stepwise", "recompute"])
@pytest.mark.parametrize("kind", ["each_step", "variational"])
def test_gradients_are_autograds_through_torchs_layers_with_these_masks(kind: str, way: str) -> None:
    made, given = network(2, way != "stepwise", way == "recompute"), inputs(2)
    masks, flat = drawn(kind, [0.5, 0.2], [0, 1]), torch.zeros_like(made.flat)
    losses, _ = made.gradients(given, SCORED, loss, flat, masks=masks)
    found, own = views(made.shape, flat), LSTM().of_torch()
    assert own is not None
    for k in range(2):
        mine = {name: value[k] for name, value in made.weights.items()}
        rows, modules = given[k], []
        with torch.enable_grad():
            for n in range(1, LAYERS + 1):
                layer = nn.LSTM(FEATURES if n == 1 else WIDTH, WIDTH, dtype=torch.float64)
                parts = {name[7:]: value for name, value in mine.items() if name.startswith(f"layer{n}.")}
                layer.load_state_dict({f"{name}_l0": value for name, value in own.given(parts).items()})
                modules.append(layer)
                rows = layer(rows if n == 1 else rows * masks.factors[n - 2][k])[0]
            said = rows[[step - 1 for step in SCORED]].transpose(0, 1) @ mine["readout.weight"]
            wanted = loss((said + mine["readout.bias"])[None])[0]
            wanted.sum().backward()
        torch.testing.assert_close(losses[k], wanted.detach(), **EXACT)
        for n, layer in enumerate(modules, start=1):
            zeros = {name: torch.zeros_like(layer.bias_ih_l0) for name in ("bias_ih", "bias_hh")}
            theirs = {name: getattr(layer, f"{name}_l0").grad for name in ("weight_ih", "weight_hh")}
            for name in ("input", "recurrent"):
                torch.testing.assert_close(found[f"layer{n}.{name}"][k], own.taken(theirs | zeros)[name], **EXACT)


def test_masks_are_torchs_in_value_and_share_and_differ_by_layer_step_and_seed() -> None:
    how = Dropout([0.3, 0.3, 0.0], [0, 1, 0], "each_step")
    first, again, later = (how.masks(step, 1, (50, 40), [30, 30], LIKE) for step in (0, 0, 1))
    assert first
    assert again
    assert later
    for factor in first.factors:
        assert factor.shape == (3, 50, 40, 30)
        assert set(factor[:2].unique().tolist()) == {0.0, 1 / 0.7}
        assert (factor[2] == 1).all()
        np.testing.assert_allclose((factor[:2] == 0).double().mean((1, 2, 3)), 0.3, atol=0.01)
    for layer, factor in enumerate(first.factors, start=1):
        uniform = stream(0, "dropout", 0, f"layer{layer}").random((50, 40, 30), dtype=np.float32)
        np.testing.assert_array_equal(factor[0] == 0, uniform < 0.3)
    one, other = first.factors
    assert one.equal(again.factors[0])
    different = [(one[0], one[1]), (one[0], other[0]), (one[0], later.factors[0][0]), (one[0, 0], one[0, 1])]
    for a, b in different:
        assert ((a == 0) != (b == 0)).double().mean().item() == pytest.approx(2 * 0.3 * 0.7, abs=0.05)


def test_a_member_without_dropout_drops_nothing_even_where_the_smallest_number_is_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Zeros:
        def random(self, shape: tuple[int, ...], dtype: type) -> Any:
            return np.zeros(shape, dtype)

    monkeypatch.setattr("harness.engine.dropout.stream", lambda *words: Zeros())
    (one, other) = drawn("each_step", [0.0, 0.25], [0, 1]).factors[0]
    assert (one == 1).all()
    assert (other == 0).all()


def test_the_variational_mask_is_one_for_all_steps_of_a_sequence_in_all_its_windows() -> None:
    masks = [drawn("variational", [0.5], [0], step, windows=3).factors[0] for step in range(6)]
    assert masks[0].shape == (1, 1, BATCH, WIDTH)
    assert all(mask.equal(masks[3 * (step // 3)]) for step, mask in enumerate(masks))
    assert not masks[0].equal(masks[3])
    assert not masks[0][:, :, 0].equal(masks[0][:, :, 1])  # each sample has its own


def test_a_member_drops_the_same_whatever_its_company() -> None:
    together, alone = drawn("each_step", [0.2, 0.5, 0.5], [4, 0, 4]), drawn("each_step", [0.5], [4])
    assert all(one[2].equal(own[0]) for one, own in zip(together.factors, alone.factors, strict=True))
    assert all((one[0] == 0).le(one[2] == 0).all() for one in together.factors)  # and a higher rate drops more
    made, given = network(3, dtype=torch.float32), inputs(3).float()
    masks = Masks([each.float() for each in together.factors])
    packed, single = torch.zeros_like(made.flat), torch.zeros_like(made.flat[:1])
    made.gradients(given, SCORED, loss, packed, masks=masks)
    made.only([2]).gradients(given[2:], SCORED, loss, single, masks=Masks([each[2:] for each in masks.factors]))
    assert packed[2].equal(single[0])


STACKED = {"cell": "lstm", "num_layers": 2}


def test_runs_train_with_it_and_are_measured_without_it(config: Config) -> None:
    runs = members(config(**STACKED, dropout=[0.0, 0.4], seed=0))
    pack = Pack(runs)
    with torch.no_grad():
        before, _ = pack.measure()
        losses = pack.take_gradient()
    assert before.loss[0] == before.loss[1]  # the same network: nothing is dropped when it is measured
    assert losses[0] != losses[1]
    tables = run(runs)["curves"]
    plain = run(members(config(**STACKED)))["curves"]
    own = tables[tables.run_id == runs[0].run_id].reset_index(drop=True)
    np.testing.assert_allclose(own.loss, plain.loss, rtol=1e-5)


@pytest.mark.parametrize("kind", ["each_step", "variational"])
def test_a_run_alone_is_the_run_in_a_pack(config: Config, kind: str) -> None:
    several = {"dropout": [0.2, 0.5], "seed": [0, 3], "dropout_kind": kind}
    together = run(members(config(**STACKED, **several)))["curves"]
    (own,) = members(config(**STACKED, dropout=0.5, seed=3, dropout_kind=kind))
    alone = run([own])["curves"]
    packed = together[together.run_id == own.run_id].reset_index(drop=True)
    pd.testing.assert_frame_equal(packed, alone, rtol=1e-4)


def test_the_state_that_is_carried_is_that_of_the_training(config: Config) -> None:
    made = settings(config, Counting(n_windows=2), **STACKED, seq_len=4, dropout=0.5, dtype="float64")
    pack, data = Pack(made), Streams(made[0].experiment, 4, [0], "train")
    start, how = None, Dropout([0.5], [0], "each_step")
    for step in range(2):  # the weights do not move: the second window goes on from the first
        batch = data.next(8, torch.float64)
        traces = pack.network.forward(batch.inputs, start, how.masks(step, 2, (4, 8), [6], LIKE))
        wanted, start = batch.loss(pack.network.readout(traces[-1].outputs.transpose(1, 2))), pack.network.final(traces)
        with torch.no_grad():
            torch.testing.assert_close(pack.take_gradient(), wanted.mean(1), **EXACT)


def test_one_layer_has_nothing_between_and_says_so(config: Config) -> None:
    with pytest.raises(UserError, match=r"^dropout=0\.3: acts between layers, and there is one; valid: 0, or num_lay"):
        members(config(dropout=0.3))
    with pytest.raises(UserError, match=r"^dropout=1(\.0)?: .*less than 1"):
        members(config(**STACKED, dropout=1.0))
    assert packs("dropout", ["lstm"])
    assert not packs("dropout_kind", ["lstm"])
