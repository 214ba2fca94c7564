"""What is measured of a pack at one moment, against sums of one's own."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.experiment import Batch
from harness.measure.evaluation import EVAL_CHUNK, evaluate, in_words
from harness.measure.gradients import Profile, gradients
from harness.measure.measurement import input_power, measure, standard_error
from harness.measure.moment import Moment
from harness.measure.transport import by_lag, cue_ratio, log_ratio
from harness.training.building import build, streams
from tests.conftest import Config
from tests.helpers.counting import Counting, settings

NAN, INF = math.nan, math.inf


class Partly(Counting):
    """Counting; some outputs count in the loss, fewer in the accuracy, more of some samples than of others."""

    name: ClassVar[str] = "partly"

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        plain = super().sample(rng, batch_size, seq_len)
        mask = rng.random((batch_size, seq_len)) < 0.7
        mask[:, 3] = True
        judged = mask & (rng.random(mask.shape) < 0.6)
        judged[:, 3] = True
        return Batch(plain.inputs, plain.targets, mask=mask, judged=judged, cue=np.full(batch_size, 2))


def test_loss_and_accuracy_are_means_over_what_is_scored_and_judged(config: Config) -> None:
    made = settings(config, Partly(), cell="lstm", seed=[0, 1], dtype="float64", probe={"batch_size": 6})
    network = build(made, torch.float64)
    network.flat.mul_(3)
    data, probed = (
        streams(made, "eval").held_out(200, torch.float64),
        streams(made, "probe").answering(6, torch.float64),
    )
    with torch.no_grad():
        found = measure(network, data, Moment(network, probed, made[0].experiment, 7), [0, 1], torch.tensor([0.1, 0.2]))
        outputs = network.outputs(data.inputs, data.scored)
    each = -torch.log_softmax(outputs, -1).gather(-1, data.targets[..., None])[..., 0]
    for k in range(2):
        losses = [row[mask].mean() for row, mask in zip(each[k], data.mask[k], strict=True)]
        assert found.loss[k].item() == pytest.approx(torch.stack(losses).mean().item())
        right = (outputs[k].argmax(-1) == data.targets[k]) & data.judged[k]
        assert found.accuracy[k].item() == pytest.approx((right.sum() / data.judged[k].sum()).item())
        counts, judged = right.sum(1).double(), data.judged[k].sum(1).double()
        residual = counts - found.accuracy[k] * judged
        error = math.sqrt(200 * float(residual.var(unbiased=True) + residual.mean() ** 2)) / float(judged.sum())
        assert found.accuracy_se[k].item() == pytest.approx(error, rel=1e-6)
        assert found.sample_accuracy[k].tolist() == pytest.approx((counts / judged)[:4].tolist())
    assert found.step == 7
    assert found.clipped.tolist() == pytest.approx([0.1, 0.2])
    assert found.cue.tolist() == [[[2]] * 6] * 2
    np.testing.assert_array_equal(found.answer, probed.answer)
    assert found.spectral_radius == network.spectral_radius()
    assert len(found.samples) == 2
    assert len(found.samples[0]) == 4
    shown = found.samples[1][2]
    assert shown is not None
    assert shown.text == " ".join(map(str, data.batches[1].inputs[2]))
    places = np.flatnonzero(data.batches[1].judged[2])
    assert shown.expected == " ".join(str(data.batches[1].targets[2, place]) for place in places)
    assert shown.answered == " ".join(str(outputs[1, 2, place].argmax().item()) for place in places)


def test_many_samples_are_evaluated_in_pieces_and_none_is_left_out(config: Config) -> None:
    made = settings(config, Partly(), seed=[0], dtype="float64")
    network, data = build(made, torch.float64), streams(made, "eval").held_out(EVAL_CHUNK * 2 + 9, torch.float64)
    with torch.no_grad():
        losses, right, first = evaluate(network, made[0].experiment, data)
        outputs = network.outputs(data.inputs, data.scored)
    torch.testing.assert_close(losses, data.loss(outputs))
    assert torch.equal(right, data.right(outputs))
    torch.testing.assert_close(first, outputs[:, :4])
    assert [part.targets.shape[1] for part in data.chunks(EVAL_CHUNK)] == [EVAL_CHUNK, EVAL_CHUNK, 9]


@pytest.mark.parametrize(
    ("right", "judged", "error"),
    [
        # Of a single answer a sample it is that of a share: sqrt(p (1 - p) / (n - 1)).
        ([1, 0, 0, 1, 1], [1, 1, 1, 1, 1], math.sqrt(0.6 * 0.4 / 4)),
        # A ratio of sums: residuals 1 - 2 * 1/2, 2 - 2 * 1/2, 0 - 2 * 1/2 = 0, 1, -1; n / (n - 1) = 3/2.
        ([1, 2, 0], [2, 2, 2], math.sqrt(2 * 3 / 2) / 6),
        # Samples that hold more answers count more: p = 4/6; residuals 3 - 4 * 2/3, 1 - 2 * 2/3 = 1/3, -1/3.
        ([3, 1], [4, 2], math.sqrt(2 / 9 * 2) / 6),
        ([1, 1, 1], [1, 1, 1], 0.0),
        ([1], [1], NAN),
    ],
)
def test_the_standard_error_of_a_share_by_hand(right: list[int], judged: list[int], error: float) -> None:
    one, two = (torch.tensor([values], dtype=torch.float64) for values in (right, judged))
    found = standard_error(one, two, one.sum(1) / two.sum(1)).item()
    assert found == pytest.approx(error, nan_ok=True)


def test_lags_are_counted_from_each_samples_own_answer() -> None:
    norms = torch.tensor([[[1.0, 10.0, 100.0], [2.0, 20.0, 200.0], [3.0, 30.0, 300.0]]], dtype=torch.float64)
    found = by_lag(Profile(2, "c", norms), np.array([[3, 2, 0]]))
    assert (found.layer, found.part) == (2, "c")
    np.testing.assert_array_equal(found.norms, [[[3, 20, NAN], [2, 10, NAN], [1, NAN, NAN]]])
    np.testing.assert_array_equal(found.known, [[[True, True, False], [True, True, False], [True, False, False]]])


def test_the_ratio_at_the_cue_is_one_of_means_over_cues_and_samples() -> None:
    norms = torch.tensor([[[4.0, 1.0, 9.0], [6.0, 3.0, 9.0], [8.0, 5.0, 9.0]]], dtype=torch.float64)
    profile, answer = Profile(1, "h", norms), np.array([[3, 2, 0]])
    # Sample 1: cues at steps 1 and 2 (4 and 6), answer at 3 (8); sample 2: cues at 1 and before the batch (1 and 0),
    # answer at 2 (3); the third has none.
    cue = np.array([[[1, 2], [1, 0], [1, 1]]])
    assert cue_ratio(profile, answer, cue).tolist() == [pytest.approx((5 + 0.5) / (8 + 3))]
    assert cue_ratio(profile, answer, np.array([[[-3], [0], [1]]])).tolist() == [0]
    norms[0, 2, 0] = INF
    assert np.isnan(cue_ratio(profile, answer, cue)).all()
    norms[0, 2, 0], norms[0, 0, 0] = 8.0, INF
    assert cue_ratio(profile, answer, cue).tolist() == [INF]


def test_log_ratios_leave_out_samples_without_an_error_and_unknown_lags() -> None:
    norms = np.array([[[2.0, 8.0, 0.0], [1.0, 4.0, 0.0], [0.5, NAN, 0.0]]])
    known = np.array([[[True, True, True], [True, True, True], [True, False, True]]])
    np.testing.assert_allclose(log_ratio(norms, known), [[0, -np.log(2), -np.log(4)]], atol=1e-15)
    norms[0, 1, 1] = 1.0
    np.testing.assert_allclose(log_ratio(norms, known), [[0, -(np.log(2) + np.log(8)) / 2, -np.log(4)]], atol=1e-15)
    silent = np.zeros((1, 2, 2))
    known = np.array([[[True, True], [True, False]]])
    np.testing.assert_array_equal(log_ratio(silent, known), [[-INF, -INF]])
    np.testing.assert_array_equal(log_ratio(silent, np.array([[[True, True], [False, False]]])), [[-INF, NAN]])
    none = np.zeros((1, 2, 1), dtype=bool)
    assert np.isnan(log_ratio(np.full((1, 2, 1), NAN), none)).all()
    mixed = np.array([[[0.0, NAN], [0.0, NAN]]])
    some = np.array([[[True, False], [True, False]]])
    np.testing.assert_array_equal(log_ratio(mixed, some), [[-INF, -INF]])


def plain_rnn(weights: list[Tensor], tokens: Tensor, targets: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """States, inputs and losses, step by step, of a tanh network on one sample."""
    w_x, w_h, bias, readout, offset = weights
    h, kept, xs = torch.zeros(len(w_h), dtype=torch.float64), [], []
    for token in tokens:
        xs.append(torch.nn.functional.one_hot(token, 5).double().requires_grad_())
        h = torch.tanh(xs[-1] @ w_x + h @ w_h + bias)
        kept.append(h)
    logits = torch.stack(kept) @ readout + offset
    return kept, xs, torch.nn.functional.cross_entropy(logits, targets, reduction="none")


def test_gradients_of_the_whole_loss_and_of_the_last_judged_answer_are_autograds(config: Config) -> None:
    made = settings(config, Partly(), cell="rnn", seed=[0, 1], dtype="float64", hidden_size=4)
    network, data = build(made, torch.float64), streams(made, "probe").answering(5, torch.float64)
    assert not data.one_answer
    with torch.no_grad():
        found, totals = gradients(network, data), Moment(network, data, made[0].experiment, 0).gradients[1].totals["h"]
    names = ("layer1.input", "layer1.recurrent", "layer1.bias", "readout.weight", "readout.bias")
    for k in range(2):
        weights = [network.weights[name][k].clone().requires_grad_() for name in names]
        total = [torch.zeros_like(weight) for weight in weights]
        for b in range(5):
            for whole, profiles in ((True, found.whole), (False, found.transport)):
                kept, xs, each = plain_rnn(weights, data.inputs[k, :, b], data.targets[k, b])
                last = int(np.flatnonzero(data.batches[k].judged[b])[-1])
                loss = each[data.mask[k, b]].mean() if whole else each[last]
                own = torch.autograd.grad(loss, [*weights, *kept, *xs], allow_unused=True)
                if whole:
                    total = [value + grad for value, grad in zip(total, own[:5], strict=True)]
                    torch.testing.assert_close(totals[k, :, b], torch.stack(own[5:13]), rtol=1e-9, atol=1e-14)
                for profile, wanted in zip(profiles, (own[5:13], own[13:]), strict=True):
                    norms = [0.0 if grad is None else grad.norm().item() for grad in wanted]
                    np.testing.assert_allclose(profile.norms[k, :, b], norms, rtol=1e-9, atol=1e-14)
        norm = math.sqrt(sum(float((each / 5).square().sum()) for each in total))
        assert found.weights[k].item() == pytest.approx(norm)
    assert [(each.layer, each.part) for each in found.whole] == [(1, "h"), (0, "x")]


def test_samples_are_shown_as_the_task_shows_them(config: Config) -> None:
    made = settings(config, Counting(writes=True), seed=[0, 1], dtype="float64")
    network, data = build(made, torch.float64), streams(made, "eval").held_out(6, torch.float64)
    with torch.no_grad():
        found = in_words(network, made[0].experiment, [0, 1], data, torch.zeros(2, 4, 8, 5))
    for k in range(2):
        assert [shown.text for shown in found[k] if shown] == [
            "".join(map(str, row[:2])) for row in data.batches[k].inputs[:4]
        ]
        assert all(len(shown.answered) == 7 for shown in found[k] if shown)


def gates_by_hand(moment: Moment, layer: int) -> dict[str, torch.Tensor]:
    """The gates of an LSTM's layer at all steps, from its inputs, states and weights."""
    weights, before = moment.network.layer(layer), moment.states[layer - 1]["h"][:, :-1]
    pre = moment.inputs(layer) @ weights["input"][:, None] + before @ weights["recurrent"][:, None]
    i, f, o, _ = (pre + weights["bias"][:, None, None]).sigmoid().split(6, dim=-1)
    return {"i": i, "f": f, "o": o}


def test_a_moment_gives_probes_states_inputs_and_gates(config: Config) -> None:
    made = settings(config, Counting(), cell="lstm", num_layers=2, seed=[0, 1], dtype="float64")
    network, data = build(made, torch.float64), streams(made, "probe").answering(5, torch.float64)
    network.flat += 0.1
    with torch.no_grad():
        moment = Moment(network, data, made[0].experiment, 0)
        assert moment.states[0]["h"].shape == (2, 9, 5, 6)
        assert not moment.states[0]["c"][:, 0].any()
        assert torch.equal(moment.inputs(1), torch.nn.functional.one_hot(data.inputs, 5).double())
        assert torch.equal(moment.inputs(2), moment.states[0]["h"][:, 1:])
        for layer in (1, 2):
            found, truth = moment.gates(layer), gates_by_hand(moment, layer)
            assert found.keys() == truth.keys()
            for gate, value in truth.items():
                torch.testing.assert_close(found[gate], value)


def test_a_jacobian_is_that_of_finite_differences(config: Config) -> None:
    made = settings(config, Counting(), cell="lstm", seed=[0, 1], dtype="float64", hidden_size=3)
    network, data = build(made, torch.float64), streams(made, "probe").answering(5, torch.float64)
    moment = Moment(network, data, made[0].experiment, 0)
    found = moment.jacobian(1, 4, samples=[3, 1])
    assert found.shape == (2, 2, 6, 6)
    assert moment.jacobian(1, 4).shape == (2, 5, 6, 6)
    torch.testing.assert_close(moment.jacobian(1, 4)[:, [3, 1]], found)
    torch.testing.assert_close(moment.jacobian(1, 4, samples=2), moment.jacobian(1, 4)[:, :2])
    with torch.no_grad():
        for place, sample in enumerate((3, 1)):
            state = torch.cat([moment.states[0][part][:, 3, sample] for part in ("h", "c")], dim=-1)
            for unit in range(6):
                ends = []
                for step in (1e-6, -1e-6):
                    moved = state.clone()
                    moved[:, unit] += step
                    start = {"h": moved[:, None, :3].contiguous(), "c": moved[:, None, 3:].contiguous()}
                    trace = network.forward(data.inputs[:, 3:4, sample : sample + 1], [start])[0]
                    ends.append(torch.cat([trace.states[part][:, 1, 0].clone() for part in ("h", "c")], dim=-1))
                torch.testing.assert_close(found[:, place, :, unit], (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-8)


def test_a_cell_without_recurrence_has_a_jacobian_of_zeros(config: Config) -> None:
    made = settings(config, Counting(), cell="feedforward", seed=[0, 1], dtype="float64", hidden_size=3)
    network, data = build(made, torch.float64), streams(made, "probe").answering(5, torch.float64)
    found = Moment(network, data, made[0].experiment, 0).jacobian(1, 4)
    assert found.shape == (2, 5, 3, 3)
    assert not found.any()


def test_a_part_of_a_moment_draws_the_same_held_out_samples_as_the_whole(config: Config) -> None:
    made = settings(config, Counting(), seed=[3, 4], hidden_size=3)
    network, data = build(made, torch.float32), streams(made, "probe").answering(5, torch.float32)
    whole = Moment(network, data, made[0].experiment, 7, [3, 4])
    fresh = whole.fresh(4, "something").inputs
    assert not torch.equal(fresh[0], fresh[1])
    for part, samples, dtype in (
        (whole.first(2), 2, torch.float32), (whole.in_double(), 5, torch.float64), (whole.in_double().first(1), 1, None)
    ):  # fmt: skip
        assert part.data.inputs.shape == (2, data.inputs.shape[1], samples)
        assert torch.equal(part.data.inputs, data.inputs[:, :, :samples])
        assert part.network.flat.dtype == (dtype or torch.float64)
        assert torch.equal(part.network.flat.float(), network.flat)
        assert (part.seeds, part.step) == ([3, 4], 7)
        assert torch.equal(part.fresh(4, "something").inputs, fresh)


def test_the_power_of_an_input_is_a_steps_and_what_follows_a_samples_end_is_none_of_it() -> None:
    assert input_power(torch.zeros(3, 4, 2, dtype=torch.int64)) == [1, 1, 1]  # tokens, as one-hot vectors
    vectors = torch.tensor([[[[3.0, 4.0], [1.0, 1.0]], [[0.0, 0.0], [2.0, 0.0]]]])
    assert input_power(vectors) == [(25 + 2 + 0 + 4) / 4]
    assert input_power(vectors, torch.tensor([[1, 2]])) == [(25 + 2 + 4) / 3]
