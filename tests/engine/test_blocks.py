"""Blocks around layers: the residual one against torch's own layers and autograd in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness.base.errors import UserError
from harness.cells import Cell
from harness.cells.gated.lstm import LSTM
from harness.cells.linear.lru import LRU
from harness.engine.blocks import cell_of_layer
from harness.engine.network import Network
from harness.engine.weights import Architecture, MemberInit, views
from harness.measure.moment import Moment
from harness.settings.members import packs
from harness.testing._problems import small_runs
from harness.training.pack import Pack, run
from tests.engine.test_engine import by

MEMBERS, LAYERS, STEPS, BATCH, FEATURES, SIZE, OUTPUTS = 2, 3, 6, 4, 5, 3, 2
SCORED = [2, STEPS]
EXACT = {"rtol": 0, "atol": 1e-10}


def network(cell: Cell, way: str = "compiled", members: int = MEMBERS, dtype: torch.dtype = torch.float64) -> Network:
    shape = Architecture(cell, FEATURES, SIZE, LAYERS, OUTPUTS, block="residual")
    inits = [MemberInit(cell, seed, "gaussian", 0.9 + 0.1 * seed) for seed in range(members)]
    made = Network.create(shape, inits, torch.float64, "cpu", compiled=False)
    # Biases and gains at 0 and 1 would hide mistakes in them.
    made.flat += 0.1 * torch.randn(made.flat.shape, dtype=torch.float64, generator=torch.manual_seed(0))
    return by(made.to(dtype), way)


def inputs(members: int = MEMBERS) -> Tensor:
    generator = torch.manual_seed(1)
    return torch.randn(members, STEPS, BATCH, FEATURES, dtype=torch.float64, generator=generator)


def loss(outputs: Tensor) -> Tensor:
    return outputs.sin().sum(dim=(2, 3))


class LSTMLayer(nn.LSTMCell):
    """An LSTM by torch, with our weights (blocks i, f, o, g; torch's are i, f, g, o)."""

    parts = ("h", "c")

    def __init__(self, w: dict[str, Tensor]):
        super().__init__(SIZE, SIZE, dtype=torch.float64)
        self.ours = {"weight_ih": w["input"].T, "weight_hh": w["recurrent"].T, "bias_ih": w["bias"]}
        self.bias_hh.requires_grad_(False).zero_()
        for name, value in self.ours.items():
            getattr(self, name).data = self.swapped(value)

    @staticmethod
    def swapped(value: Tensor) -> Tensor:
        return torch.cat([value.split(SIZE)[place] for place in (0, 1, 3, 2)]).clone()

    def gradients(self) -> dict[str, Tensor]:
        names = {"input": "weight_ih", "recurrent": "weight_hh", "bias": "bias_ih"}
        return {mine: self.swapped(getattr(self, name).grad).T for mine, name in names.items()}

    def run(self, x: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        state = list(self(x, tuple(state)))
        return state[0], state


class LRULayer(nn.Module):
    """The linear recurrent unit in complex numbers."""

    parts = ("re", "im")

    def __init__(self, w: dict[str, Tensor]):
        super().__init__()
        self.w = nn.ParameterDict({name: value.clone() for name, value in w.items() if not name.startswith("block_")})

    def gradients(self) -> dict[str, Tensor]:
        return {name: value.grad for name, value in self.w.items()}

    def run(self, x: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        w, x_ = self.w, x.to(torch.complex128)
        factor = torch.exp(-w["nu"].exp() + 1j * w["theta"].exp())
        s = factor * torch.complex(*state) + w["gamma"].exp() * (x_ @ torch.complex(w["b_re"], w["b_im"]))
        # The parts as tensors of their own, so that what reaches them can be read.
        state = [s.real.clone(), s.imag.clone()]
        return (torch.complex(*state) @ torch.complex(w["c_re"], w["c_im"])).real + x @ w["d"], state


class Block(nn.Module):
    """A layer as the papers draw it, by torch.nn; the weights are those of one member."""

    def __init__(self, w: dict[str, Tensor], layer: type[Any]):
        super().__init__()
        self.norm, self.gate = nn.LayerNorm(SIZE), nn.Linear(SIZE, 2 * SIZE)
        self.ours = {"block_gain": self.norm.weight, "block_shift": self.norm.bias}
        self.ours |= {"block_gate": self.gate.weight, "block_gate_bias": self.gate.bias}
        self.encoder: nn.Module = nn.Identity()
        if "block_encoder" in w:
            self.encoder = nn.Linear(FEATURES, SIZE)
            self.ours |= {"block_encoder": self.encoder.weight, "block_encoder_bias": self.encoder.bias}
        for name, parameter in self.ours.items():
            parameter.data = w[name].T.clone()
        self.cell = layer(w)

    def gradients(self) -> dict[str, Tensor]:
        return {name: parameter.grad.T for name, parameter in self.ours.items()} | self.cell.gradients()

    def run(self, x: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        stream = self.encoder(x)
        seen, state = self.cell.run(self.norm(stream), state)
        return stream + nn.functional.glu(self.gate(nn.functional.gelu(seen, approximate="tanh"))), state


@pytest.mark.filterwarnings("ignore:The use of `x.T`")
@pytest.mark.parametrize("way", ["compiled", "stepwise", "general"])
@pytest.mark.parametrize(("cell", "layer"), [(LSTM(), LSTMLayer), (LRU(), LRULayer)], ids=["lstm", "lru"])
def test_a_residual_block_is_torchs_layers_and_its_gradients_autograds(cell: Cell, layer: type[Any], way: str) -> None:
    made, x = network(cell, way), inputs()
    keep, flat = made.step_gradients(x, totals=True), torch.zeros_like(made.flat)
    losses, grad_x = made.gradients(x, SCORED, loss, flat, keep, need_input_grad=True)
    assert grad_x is not None
    found = views(made.shape, flat)
    for k in range(MEMBERS):
        mine = {name: value[k] for name, value in made.weights.items()}
        own = [
            {name.removeprefix(f"layer{n}."): value for name, value in mine.items() if name.startswith(f"layer{n}.")}
            for n in range(1, LAYERS + 1)
        ]
        with torch.enable_grad():
            blocks, entering = [Block(w, layer) for w in own], x[k].clone().requires_grad_()
            states = [[torch.zeros(BATCH, SIZE, dtype=torch.float64)] * 2 for _ in blocks]
            kept, hidden = {}, []
            for t in range(STEPS):
                seen = entering[t]
                for n, block in enumerate(blocks):
                    seen, states[n] = block.run(seen, states[n])
                    for part, value in zip(layer.parts, states[n], strict=True):
                        value.retain_grad()
                        kept[n + 1, part, t] = value
                hidden.append(seen)
            read = torch.stack([hidden[step - 1] for step in SCORED], dim=1) @ mine["readout.weight"]
            wanted = loss((read + mine["readout.bias"])[None])[0]
            wanted.sum().backward()
        torch.testing.assert_close(losses[k], wanted.detach(), **EXACT)
        torch.testing.assert_close(grad_x[k], entering.grad, **EXACT)
        for n, block in enumerate(blocks, start=1):
            given = block.gradients()
            assert {f"layer{n}.{name}" for name in given} == {name for name in found if name.startswith(f"layer{n}.")}
            for name, value in given.items():
                torch.testing.assert_close(found[f"layer{n}.{name}"][k], value, **EXACT)
        for (n, part, t), value in kept.items():
            reached = torch.zeros_like(value) if value.grad is None else value.grad
            torch.testing.assert_close(keep[n].totals[part][k, t], reached, **EXACT)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_numbers_in_a_block_do_not_depend_on_company(dtype: torch.dtype) -> None:
    made, x = network(LSTM(), members=3, dtype=dtype), inputs(3).to(dtype)
    together, alone = torch.zeros_like(made.flat), torch.zeros_like(made.flat[:1])
    losses, _ = made.gradients(x, SCORED, loss, together)
    single, _ = made.only([1]).gradients(x[1:2], SCORED, loss, alone)
    assert losses[1].equal(single[0])
    assert together[1].equal(alone[0])


def test_a_blocks_own_weights_start_from_streams_of_their_own_and_leave_the_cells_as_they_are() -> None:
    def start(block: str, seeds: list[int], scale: float = 1.0) -> dict[str, Tensor]:
        shape = Architecture(LSTM(), SIZE, SIZE, 2, OUTPUTS, block)
        inits = [MemberInit(LSTM(), seed, "gaussian", scale) for seed in seeds]
        return Network.create(shape, inits, torch.float64, "cpu", compiled=False).weights

    plain, blocks, scaled = start("plain", [0]), start("residual", [3, 0]), start("residual", [0], scale=2.0)
    for name, value in plain.items():
        assert value[0].equal(blocks[name][1])
    for name, value in blocks.items():
        assert value[1].equal(scaled[name][0] / (2 if name.endswith("recurrent") else 1))
    own = {name: value for name, value in blocks.items() if "block_" in name}
    drawn = {name for name, value in own.items() if not value[0].equal(value[1])}
    assert drawn == {"layer1.block_encoder", "layer1.block_gate", "layer2.block_gate"}
    assert all(value.unique().tolist() == [float("gain" in name)] for name, value in own.items() if name not in drawn)


def test_the_plain_block_is_the_cell_itself() -> None:
    cell = LSTM()
    assert all(cell_of_layer("plain", cell, layer) is cell for layer in (1, 2))


@pytest.mark.parametrize("compiled", [False, True])
def test_runs_with_blocks_train_and_are_measured(compiled: bool) -> None:
    settings = {"num_layers": 2, "block": "residual", "engine.compile": compiled, "seed": [0, 1]}
    tables = run(small_runs(cell=LSTM(), **settings))
    assert tables["runs"].block.tolist() == ["residual"] * 2
    assert (tables["runs"].status == "ok").all()
    places = set(zip(tables["gradients"].layer, tables["gradients"].part, strict=True))
    assert places == {(0, "x"), (1, "h"), (1, "c"), (2, "h"), (2, "c")}
    plain = run(small_runs(cell=LSTM(), **settings | {"block": "plain"}))
    assert np.isfinite(tables["runs"].loss).all()
    assert (tables["runs"].loss.to_numpy() != plain["runs"].loss.to_numpy()).all()


def test_probes_of_the_cell_itself_are_given_what_enters_it_behind_its_block() -> None:
    probes: dict[str, Any] = {"probes.saturation": {}, "probes.time_scales": {}}
    runs = small_runs(cell=LSTM(), num_layers=2, block="residual", **probes)
    tables, pack = run(runs), Pack(runs)
    assert all(set(tables[name].layer) == {1, 2} for name in ("saturation", "time_scales"))
    moment = Moment(pack.probed, pack.probe_data, runs[0].experiment, 0)
    for layer in (1, 2):
        w = {name: value[0] for name, value in pack.probed.layer(layer).items()}
        x = moment.inputs(layer)[0, 3]
        stream = x @ w["block_encoder"] + w["block_encoder_bias"] if layer == 1 else x
        wanted = nn.functional.layer_norm(stream, stream.shape[-1:], w["block_gain"], w["block_shift"])
        torch.testing.assert_close(moment.entering(layer, 4)[0], wanted, **EXACT)


def test_a_block_that_there_is_not_is_named_in_one_line() -> None:
    with pytest.raises(UserError, match=r"^block=highway: valid: plain, residual$"):
        small_runs(block="highway")


def test_blocks_change_shapes_and_do_not_pack() -> None:
    assert not packs("block", ["lstm"])
