"""The gradient of each sample's last answer on its way back, against closed forms and plain autograd."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import cross_entropy

from harness.base.seeds import stream
from harness.experiment import Batch, Classes, Experiment
from harness.measure.gradients import gradients
from harness.measure.transport import log_ratio
from harness.measure.windows import start_of
from harness.plugins.registry import registry
from harness.settings.members import members
from harness.settings.settings import Settings
from harness.testing._problems import possible_length
from harness.training.building import build, streams
from harness.training.pack import run
from tests.conftest import Config
from tests.helpers.counting import settings

UNTRAINED: dict[str, Any] = {"train": {"steps": 0}, "hidden_size": 4, "weight_scale": 0.9, "probe": {"batch_size": 16}}


def profile(found: dict[str, pd.DataFrame], part: str = "h", layer: int = 1) -> pd.DataFrame:
    rows = found["transport"].query("part == @part and layer == @layer and step == 0")
    return rows.sort_values("lag").reset_index(drop=True)


@pytest.mark.parametrize("name", registry().names("experiment"))
def test_in_every_experiment_a_linear_network_shows_its_own_factor(config: Config, name: str) -> None:
    """Whatever is scored on the way: with a W of 0.9 times an orthogonal matrix, |g_t| = 0.9^lag |g_a| exactly."""
    length = possible_length(registry().get("experiment", name)())
    made = {**UNTRAINED, "experiment": name, "seq_len": length}
    found = run(members(config(cell="linear", **made)))
    rows, outcome = profile(found), found["runs"].iloc[0]
    np.testing.assert_allclose(rows.log_ratio, rows.lag * np.log(0.9), rtol=1e-10, atol=1e-12)
    assert np.exp(outcome.decay_rate) == pytest.approx(0.9, rel=1e-10)
    assert outcome.decay_r2 == pytest.approx(1, rel=1e-10)
    assert (outcome["shape"], outcome.verdict, outcome.verdict_init) == ("falls", "vanishing", "vanishing")
    outcome = run(members(config(cell="feedforward", **made)))["runs"].iloc[0]
    assert (outcome.decay_rate, outcome.decay_rate_init, outcome["shape"]) == (-np.inf, -np.inf, "nothing arrives")


@pytest.mark.parametrize(("name", "init"), [("copy", "identity"), ("associative_recall", "orthogonal")])
def test_the_ratio_is_the_factor_to_the_distance_of_the_cues(config: Config, name: str, init: str) -> None:
    made = config(cell="linear", **UNTRAINED, experiment=name, seq_len=30, init=init)
    found, data = run(members(made)), streams(members(made), "probe").answering(16, torch.float64)
    asked = np.array([max(step for step, counts in zip(data.scored, own, strict=True) if counts)
                      for own in data.judged[0].tolist()])  # fmt: skip
    own = profile(found, "h")
    # Samples differ in the size of their error at lag 0; all cues stand at the same steps.
    low, high = (asked[:, None] - data.cue[0]).min(), (asked[:, None] - data.cue[0]).max()
    assert 0.9**high <= found["runs"].grad_ratio.item() <= 0.9**low
    assert own.samples.iloc[0] == 16
    assert found["runs"].horizon.item() == 10
    if name == "copy":
        cues = data.cue[0][0]
        assert found["runs"].grad_ratio.item() == pytest.approx(np.mean(0.9 ** (30.0 - cues)), rel=1e-10)


@pytest.mark.parametrize("name", ["copy", "dyck"])
@pytest.mark.parametrize("layers", [1, 2])
@torch.no_grad()
def test_an_lstms_transport_is_that_of_autograd(config: Config, name: str, layers: int) -> None:
    made = members(config(cell="lstm", **UNTRAINED, experiment=name, seq_len=24, num_layers=layers, seed=[3, 4]))
    found = run(made)
    network, data = build(made, torch.float64), streams(made, "probe").answering(16, torch.float64)
    for member, each in enumerate(made):
        norms = lstm_by_autograd(network.weights, member, data.batches[member], layers)
        own = found["transport"][found["transport"].run_id == each.run_id]
        for (layer, part), by_sample in norms.items():
            rows = own[(own.layer == layer) & (own.part == part)].set_index("lag")
            assert len(rows) == max(map(len, by_sample))
            for lag, row in rows.iterrows():
                here = [sample[lag] for sample in by_sample if len(sample) > lag]
                ratios = [np.log(sample[lag] / sample[0]) for sample in by_sample if len(sample) > lag]
                assert row.samples == len(here)
                assert row.grad_norm == pytest.approx(np.mean(here), rel=1e-9)
                assert row.grad_q90 == pytest.approx(np.quantile(here, 0.9), rel=1e-9)
                assert row.log_ratio == pytest.approx(np.mean(ratios), rel=1e-9, abs=1e-12)


def lstm_by_autograd(
    weights: dict[str, torch.Tensor], member: int, batch: Batch, layers: int
) -> dict[tuple[int, str], list[list[float]]]:
    """For layer and part each sample's norms from its last judged output back, one sample at a time."""
    found: dict[tuple[int, str], list[list[float]]] = {}
    own = {name: value[member] for name, value in weights.items()}
    for tokens, targets, judged in zip(batch.inputs, batch.targets, batch.judged, strict=True):
        place = int(np.flatnonzero(judged)[-1])
        asked, kept = int(batch.scored[place]), []
        with torch.enable_grad():
            states = [(torch.zeros(4, dtype=torch.float64),) * 2 for _ in range(layers)]
            for token in tokens[:asked]:
                for layer in range(layers):
                    w_x, w_h, bias = (own[f"layer{layer + 1}.{kind}"] for kind in ("input", "recurrent", "bias"))
                    h, c = states[layer]
                    below = w_x[token] if layer == 0 else states[layer - 1][0] @ w_x
                    i, f, o, new = (below + h @ w_h + bias).split(4)
                    c = (f.sigmoid() * c + i.sigmoid() * new.tanh()).requires_grad_()
                    h = o.sigmoid() * c.tanh()
                    c.retain_grad()
                    h.retain_grad()
                    states[layer] = h, c
                kept.append(list(states))
            logits = states[-1][0] @ own["readout.weight"] + own["readout.bias"]
            (torch.logsumexp(logits, 0) - logits[int(targets[place])]).backward()
        for layer in range(layers):
            for k, part in enumerate(("h", "c")):
                norms = [float(step[layer][k].grad.norm()) for step in reversed(kept)]
                found.setdefault((layer + 1, part), []).append(norms)
    return found


class OfAnyLength(Experiment):
    """The first of a row of bits; rows differ in length, the rest is padding."""

    name: ClassVar[str] = "of_any_length"
    claim: ClassVar[str] = "Padding changes nothing."
    left: bool = False

    @property
    def input_size(self) -> int:
        return 3

    @property
    def outputs(self) -> Classes:
        return Classes(2)

    def chance(self, seq_len: int) -> float:
        return 0.5

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        length = rng.integers(2, seq_len + 1, size=batch_size)[:, None]
        start = seq_len - length if self.left else np.zeros_like(length)
        t = np.arange(seq_len)
        tokens = np.where((t >= start) & (t < start + length), rng.integers(2, size=(batch_size, seq_len)), 2)
        first = np.take_along_axis(tokens, start, 1)
        return Batch(tokens, first.repeat(seq_len, 1), mask=t == start + length - 1, cue=start[:, 0] + 1)


@pytest.mark.parametrize("left", [False, True])
def test_padding_and_rows_of_different_length_change_nothing(config: Config, left: bool) -> None:
    made = settings(config, OfAnyLength(left=left), cell="linear", **UNTRAINED, seq_len=40)
    found = run(made)
    rows, outcome = profile(found), found["runs"].iloc[0]
    np.testing.assert_allclose(rows.log_ratio, rows.lag * np.log(0.9), rtol=1e-10, atol=1e-12)
    lengths = streams(made, "probe").answering(16, torch.float64).answer[0]
    if not left:
        assert rows.samples.tolist() == [(lengths > lag).sum() for lag in range(lengths.max())]
        assert outcome.answer_step == lengths.mean()
    assert np.exp(outcome.decay_rate) == pytest.approx(0.9, rel=1e-10)


class InALaterWindow(OfAnyLength):
    """The bit before the last, two windows of padding before it; half of the rows end a window earlier."""

    name: ClassVar[str] = "in_a_later_window"
    short: bool = False

    @property
    def windows(self) -> int:
        return 3

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        tokens = rng.integers(2, size=(batch_size, seq_len))
        ends = np.where((np.arange(batch_size) % 2 == 0) & self.short, seq_len - seq_len // 3, seq_len)[:, None]
        mask = np.arange(1, seq_len + 1) == ends
        return Batch(tokens, tokens[:, :1].repeat(seq_len, 1), mask=mask, cue=np.ones(batch_size))


@pytest.mark.parametrize("short", [False, True])
def test_the_probe_looks_at_the_window_that_holds_the_answer(config: Config, short: bool) -> None:
    made = settings(config, InALaterWindow(short=short), cell="linear", **UNTRAINED, seq_len=10)
    found = run(made)
    rows, outcome = profile(found), found["runs"].iloc[0]
    np.testing.assert_allclose(rows.log_ratio, np.arange(10) * np.log(0.9), rtol=1e-10, atol=1e-12)
    assert outcome.grad_ratio == 0  # the cue stands before the window, and no gradient leaves it
    assert (found["gradients"].grad_norm > 0).all()


@pytest.mark.parametrize("short", [False, True])
@torch.no_grad()
def test_the_probed_window_starts_from_the_state_after_those_before_it(config: Config, short: bool) -> None:
    made = settings(config, InALaterWindow(short=short), cell="lstm", hidden_size=3, seq_len=4)
    network, data = build(made, torch.float64), streams(made, "probe").answering(6, torch.float64)
    start = start_of(network, data)
    assert start is not None
    rng = stream(made[0].seed, "probe", made[0].experiment.name, 4)
    whole = made[0].experiment.sample(rng, 6, 12)
    states = network.forward(torch.from_numpy(whole.inputs.T)[None])[0].states
    for part, values in start[0].items():
        for sample, end in enumerate(whole.mask.argmax(axis=1) + 1):
            torch.testing.assert_close(values[0, sample], states[part][0, end - 4, sample], rtol=1e-12, atol=0)
            assert (data.inputs[0, :, sample].numpy() == whole.inputs[sample, end - 4 : end]).all()
    found = {profile.part: profile.norms for profile in gradients(network, data).whole}
    for sample, end in enumerate(whole.mask.argmax(axis=1) + 1):
        inputs = torch.from_numpy(whole.inputs[sample, :end])[None, :, None]
        keep, target = network.step_gradients(inputs), torch.tensor([int(whole.targets[sample, end - 1])])
        network.gradients(
            inputs, [end], lambda outputs, target=target: cross_entropy(outputs[0, :, 0], target)[None, None],
            torch.zeros_like(network.flat), keep,
        )  # fmt: skip
        for part in ("h", "c"):
            norms = keep[1].norms[part][0, end - 4 :, 0]
            torch.testing.assert_close(found[part][0, :, sample], norms, rtol=1e-10, atol=0)


def test_with_one_answer_at_the_end_the_transport_is_the_gradient(config: Config) -> None:
    found = run(members(config(cell="lstm", num_layers=2)))
    both = found["transport"].merge(found["gradients"], on=["run_id", "step", "layer", "part", "lag"])
    assert len(both) == len(found["gradients"]) == len(found["transport"])
    for name in ("grad_norm", "grad_q10", "grad_q50", "grad_q90"):
        assert both[f"{name}_x"].tolist() == both[f"{name}_y"].tolist()


@pytest.mark.parametrize("layers", [2, 3])
def test_stacked_layers_have_the_factor_of_one(config: Config, layers: int) -> None:
    """Below the top the ways up through the layers multiply with the lag: the figures come from the top layer."""
    made = {**UNTRAINED, "hidden_size": 1, "init": "identity", "cell": "linear", "num_layers": layers}
    for length in (30, 300):
        found = run(members(config(**made, seq_len=length)))
        outcome = found["runs"].iloc[0]
        assert np.exp(outcome.decay_rate) == pytest.approx(0.9, rel=1e-10)
        assert (outcome.horizon, outcome.verdict) == (10, "vanishing")
        # Layer 1: C(lag + n - 1, n - 1) ways, each with as many factors of 0.9 as there are steps back.
        below, lag = profile(found), np.arange(length)
        ways = lag + 1 if layers == 2 else (lag + 1) * (lag + 2) / 2
        np.testing.assert_allclose(below.log_ratio, np.log(ways) + lag * np.log(0.9), rtol=1e-9, atol=1e-9)
        assert outcome.grad_ratio == pytest.approx(ways[length - 3] * 0.9 ** (length - 3), rel=1e-9)


def test_a_few_samples_in_chaos_do_not_lead_the_mean() -> None:
    """Norms exp(sum of normal steps): the mean of their logarithms has the slope of the typical sample."""
    steps = np.random.default_rng(0).normal(0.05, 0.3, size=(1, 200, 4000))
    logs = np.cumsum(steps, axis=1)
    mean = log_ratio(np.exp(logs), np.ones(logs.shape, dtype=bool))[0]
    slope = np.polyfit(np.arange(200), mean, 1)[0]
    assert slope == pytest.approx(0.05, abs=1e-3)
    of_means = np.polyfit(np.arange(200), np.log(np.exp(logs).mean(axis=2)[0]), 1)[0]
    assert of_means > 0.06


def test_a_sample_without_an_error_is_left_out_and_a_zero_on_the_way_is_not() -> None:
    norms = np.array([[[2.0, 0.0, 3.0], [1.0, 0.0, 0.0]]])
    known = np.ones(norms.shape, dtype=bool)
    np.testing.assert_array_equal(log_ratio(norms, known), [[0, -np.inf]])
    np.testing.assert_allclose(log_ratio(norms[..., :2], known[..., :2]), [[0, -np.log(2)]])
    np.testing.assert_array_equal(log_ratio(norms[..., 1:2], known[..., 1:2]), [[-np.inf, -np.inf]])


class Easy(OfAnyLength):
    """The last bit is asked for: solved in no time, with a recurrence that grows."""

    name: ClassVar[str] = "easy"

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        tokens = rng.integers(2, size=(batch_size, seq_len))
        tokens[:, :-1] = 2
        return Batch(tokens, tokens[:, -1:])


def test_a_run_that_solved_its_task_is_not_said_to_explode(config: Config) -> None:
    made: list[Settings] = settings(
        config, Easy(), cell="linear", weight_scale=1.2, seq_len=10, hidden_size=8,
        train={"steps": 60, "batch_size": 32, "lr": 0.01}, probe={"every": 60},
    )  # fmt: skip
    outcome = run(made)["runs"].iloc[0]
    assert outcome.solved
    assert (outcome.verdict_init, outcome.verdict) == ("exploding", "rising")
