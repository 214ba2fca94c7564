"""Samples that end at steps of their own: the same as each of them run alone, whatever comes after its end."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from harness.cells.base import Named
from harness.engine.network import LayerSteps, Network
from harness.engine.scan.interface import GradFromAbove
from tests.engine.test_engine import WAYS, by, make_network
from tests.engine.test_graphed import graphed

STEPS, BATCH, MEMBERS = 7, 18, 2
"""More samples than a kernel takes at once."""

lengths_of_all = st.lists(st.integers(1, STEPS), min_size=MEMBERS * BATCH, max_size=MEMBERS * BATCH)


def drawn(network: Network, steps: int = STEPS, batch: int = BATCH) -> Tensor:
    shape = (MEMBERS, steps, batch, network.shape.input_size)
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def padded(inputs: Tensor, lengths: Tensor, fill: float) -> Tensor:
    after = torch.arange(1, inputs.shape[1] + 1)[:, None] > lengths[:, None]
    return inputs.masked_fill(after[..., None], fill)


Found = tuple[Tensor, Tensor, Tensor, LayerSteps]


def together(network: Network, inputs: Tensor, lengths: Tensor) -> Found:
    """Losses of what is said at each sample's own last step, and all gradients."""
    steps = inputs.shape[1]
    last = torch.arange(1, steps + 1) == lengths[..., None]
    grad, keep = torch.zeros_like(network.flat), network.step_gradients(inputs, totals=True)

    def loss(outputs: Tensor) -> Tensor:
        return outputs.square().mean(-1).where(last, 0).sum(-1)

    scored = list(range(1, steps + 1))
    losses, by_input = network.gradients(inputs, scored, loss, grad, keep, need_input_grad=True, lengths=lengths)
    assert by_input is not None
    return losses.clone(), grad, by_input, keep


def alone(network: Network, inputs: Tensor) -> Found:
    """Likewise of one sample of one member."""
    grad, keep = torch.zeros_like(network.flat), network.step_gradients(inputs, totals=True)
    losses, by_input = network.gradients(
        inputs, [inputs.shape[1]], lambda outputs: outputs.square().mean(-1).sum(-1), grad, keep, need_input_grad=True
    )
    assert by_input is not None
    return losses, grad, by_input, keep


def check(network: Network, lengths: Tensor, way: str) -> None:
    """Against every sample alone; by kernels all but the weights' gradients exactly, else to rounding."""
    inputs = drawn(network, batch=lengths.shape[1])
    found = together(network, padded(inputs, lengths, 5.0), lengths)
    final = network.final(network.forward(padded(inputs, lengths, -3.0), lengths=lengths))
    exact = 0.0 if way == "compiled" else 1e-12
    total = torch.zeros_like(network.flat)
    for member in range(MEMBERS):
        single = by(Network(network.shape, network.flat[[member]].clone(), recompute=network.recompute), way)
        for sample, end in enumerate(lengths[member].tolist()):
            own = inputs[member : member + 1, :end, sample : sample + 1].contiguous()
            losses, grad, by_input, keep = alone(single, own)
            total[member] += grad[0]
            pairs = [(losses[0, 0], found[0][member, sample]), (by_input[0, :, 0], found[2][member, :end, sample])]
            assert not found[2][member, end:, sample].any()
            for layer, steps in keep.items():
                for part, values in steps.totals.items():
                    pairs.append((values[0, :, 0], found[3][layer].totals[part][member, :end, sample]))
                    pairs.append((steps.norms[part][0, :, 0], found[3][layer].norms[part][member, :end, sample]))
                    assert not found[3][layer].norms[part][member, end:, sample].any()
            for layer, state in enumerate(single.final(single.forward(own))):
                pairs += [(value[0, 0], final[layer][part][member, sample]) for part, value in state.items()]
            for one, other in pairs:
                torch.testing.assert_close(other, one, rtol=0, atol=exact)
    torch.testing.assert_close(found[1], total, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("cell", "way"), [pair for pair in WAYS if pair[0] != "linear"])
def test_every_sample_is_what_it_is_alone(cell: str, way: str) -> None:
    network = make_network(cell, MEMBERS, features=3, hidden_size=4, layers=2, way=way)
    batch = BATCH if (cell, way) == ("rnn", "compiled") else 4
    lengths = torch.randint(1, STEPS + 1, (MEMBERS, batch), generator=torch.Generator().manual_seed(4))
    check(network, lengths, way)


@given(lengths_of_all)
@settings(max_examples=5, deadline=None)
def test_at_any_lengths_a_kernel_gives_the_same_to_the_bit(lengths: list[int]) -> None:
    network = make_network("lstm", MEMBERS, features=2, hidden_size=3)
    check(network, torch.tensor(lengths).view(MEMBERS, BATCH), "compiled")


def test_activations_that_are_computed_again_end_there_too() -> None:
    network = make_network("gru", MEMBERS, features=2, hidden_size=3)
    network.recompute = True
    lengths = torch.randint(1, STEPS + 1, (MEMBERS, BATCH), generator=torch.Generator().manual_seed(5))
    check(network, lengths, "compiled")


@pytest.mark.parametrize("way", ["compiled", "stepwise", "general"])
def test_what_follows_an_end_changes_no_bit(way: str) -> None:
    network = make_network("lstm", MEMBERS, features=3, hidden_size=4, layers=2, way=way)
    lengths, inputs = torch.arange(MEMBERS * BATCH).view(MEMBERS, BATCH) % STEPS + 1, drawn(network)
    one, other = (together(network, padded(inputs, lengths, fill), lengths) for fill in (0.0, 1e3))
    for before, after in zip(one[:3], other[:3], strict=True):
        assert torch.equal(before, after)


@pytest.mark.parametrize("way", ["compiled", "stepwise", "general"])
def test_steps_that_nobody_has_change_nothing(way: str) -> None:
    network = make_network("gru", MEMBERS, features=3, hidden_size=4, layers=2, way=way)
    lengths, inputs = torch.arange(MEMBERS * BATCH).view(MEMBERS, BATCH) % STEPS + 1, drawn(network, 30)
    long, short = together(network, inputs, lengths), together(network, inputs[:, :STEPS].contiguous(), lengths)
    for one, other in ((long[0], short[0]), (long[2][:, :STEPS], short[2])):
        torch.testing.assert_close(one, other, rtol=0, atol=0 if way == "compiled" else 1e-12)
    torch.testing.assert_close(long[1], short[1], rtol=0, atol=0 if way == "compiled" else 1e-12)


@pytest.mark.parametrize("way", ["compiled", "stepwise", "general"])
def test_a_state_that_would_overflow_after_the_end_spoils_nothing(way: str) -> None:
    network = make_network("rnn_relu", MEMBERS, features=3, hidden_size=4, way=way)
    network.weights["layer1.recurrent"].copy_(1e200 * torch.eye(4, dtype=torch.float64))
    network.weights["readout.weight"].mul_(1e-200)
    lengths = torch.full((MEMBERS, BATCH), 2)
    losses, grad, by_input, _ = together(network, drawn(network, 40).abs(), lengths)
    assert all(bool(each.isfinite().all()) for each in (losses, grad, by_input))


def test_a_sample_without_a_step_keeps_the_state_it_came_with() -> None:
    network = make_network("lstm", MEMBERS, features=3, hidden_size=4)
    start = [type(layer)({part: value + 0.5 for part, value in layer.items()}) for layer in network.zero_states(BATCH)]
    lengths = torch.zeros(MEMBERS, BATCH, dtype=torch.int64)
    lengths[:, 1] = 3
    for way in ("compiled", "stepwise", "general"):
        final = by(network, way).final(by(network, way).forward(drawn(network), start, lengths=lengths))
        for part, value in final[0].items():
            assert torch.equal(value[:, 0], start[0][part][:, 0])
            assert not torch.equal(value[:, 1], start[0][part][:, 1])


def test_replayed_calls_follow_the_lengths() -> None:
    plain = make_network("gru", MEMBERS, features=3, hidden_size=4, layers=2, way="stepwise")
    network = graphed(plain)
    for round in range(4):
        lengths = torch.randint(1, STEPS + 1, (MEMBERS, BATCH), generator=torch.Generator().manual_seed(round))
        one, other = (together(each, drawn(plain), lengths) for each in (plain, network))
        for before, after in zip(one[:3], other[:3], strict=True):
            assert torch.equal(before, after)


@pytest.mark.parametrize("way", ["stepwise", "general"])
@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_what_arrives_after_its_end_passes_a_sample_by(cell: str, way: str) -> None:
    """Gradients of a member, and what reaches its first state, are those of its samples one by one."""
    network = make_network(cell, MEMBERS, features=3, hidden_size=4, way=way)
    lengths, inputs = torch.tensor([[1, 4, 2], [3, 2, 4]]), drawn(network, steps=4, batch=3)
    late = torch.randn(MEMBERS, 3, 4, dtype=torch.float64, generator=torch.manual_seed(5))

    def back(x: Tensor, late: Tensor, ends: Tensor | None) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        traces = network.forward(x, lengths=ends)
        carry = Named({part: late.clone() for part in network.cells[0].widths(4)})
        grad = Named({name: torch.zeros_like(value) for name, value in network.layer(1).items()})
        network.backward(traces, GradFromAbove([], x.new_zeros(len(late), 0, x.shape[2], 4)), [carry], [grad])
        return grad, carry

    with torch.no_grad():
        found, first = back(inputs, late, lengths)
        singles = [(inputs[:, :, b : b + 1], late[:, b : b + 1]) for b in range(3)]
        alone = [[back(x[:, :steps], dh, None) for steps in range(1, 5)] for x, dh in singles]
    for k in range(MEMBERS):
        own = [alone[b][int(lengths[k, b]) - 1] for b in range(3)]
        for name, value in found.items():
            torch.testing.assert_close(value[k], sum(grad[name][k] for grad, _ in own))
        for part, value in first.items():
            torch.testing.assert_close(value[k], torch.cat([carry[part][k] for _, carry in own]))
