"""What each answer sends to each step: alone as autograd has it, all together the derivative of the whole loss."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from harness.measure.attribution import by_answer
from harness.probes import Moment
from harness.probes.attribution import Attribution
from tests.helpers.moments import moment


def measured(given: Moment, **options: int) -> pd.DataFrame:
    with torch.no_grad():
        return Attribution(**options).measure(given)


@pytest.mark.parametrize(
    ("cell", "experiment", "layers", "block"),
    [("lstm", "copy", 2, "plain"), ("gru", "dyck", 1, "plain"), ("lru", "write_text", 2, "residual"),
     ("xlstm_m", "adding", 1, "plain")],
)  # fmt: skip
@torch.no_grad()
def test_the_answers_vectors_add_up_to_the_derivative_of_the_loss(
    cell: str, experiment: str, layers: int, block: str
) -> None:
    given = moment(cell, experiment=experiment, num_layers=layers, block=block, seed=[0, 1], samples=3)
    states, by_input = by_answer(given, range(len(given.data.scored)))
    for layer, parts in enumerate(states, start=1):
        for part, values in parts.items():
            whole = given.gradients[layer].totals[part]
            torch.testing.assert_close(values.sum(dim=1), whole, rtol=1e-12, atol=1e-12 * whole.abs().max().item())
    unused = torch.zeros_like(given.network.flat)
    _, whole = given.network.gradients(
        given.data.inputs, given.data.scored, given.data.loss, unused, need_input_grad=True, start=given.start
    )  # fmt: skip
    torch.testing.assert_close(by_input.sum(dim=1), whole, rtol=1e-12, atol=1e-12 * whole.abs().max().item())


def test_one_answer_alone_is_that_of_autograd() -> None:
    given = moment("rnn", experiment="sine_to_cosine", samples=2, seq_len=7)
    weights = {name: value[0] for name, value in given.network.weights.items()}
    found = measured(given, samples=2)
    inputs, targets = given.data.inputs[0].clone().requires_grad_(), given.data.targets[0]
    h, states, losses = given.states[0]["h"][0, 0], [], []  # where the windows before have left it
    with torch.enable_grad():
        for t in range(7):
            recurrent = h @ weights["layer1.recurrent"] + weights["layer1.bias"]
            h = torch.tanh(inputs[t] @ weights["layer1.input"] + recurrent)
            states.append(h)
            said = h @ weights["readout.weight"] + weights["readout.bias"]
            if t + 1 in given.data.scored:
                place = given.data.scored.index(t + 1)
                losses.append((said[:, 0] - targets[:, place].reshape(2)) ** 2 / len(given.data.scored))
        for step, loss in zip(given.data.scored, losses, strict=True):
            by_input, *by_state = torch.autograd.grad(loss.sum(), [inputs, *states[:step]], retain_graph=True)
            for t in range(1, step + 1):
                for sample in (0, 1):
                    rows = found.query("answer == @step and t == @t and sample == @sample").set_index("part")
                    assert rows.norm["x"] == pytest.approx(by_input[t - 1, sample].norm().item(), rel=1e-10)
                    assert rows.norm["h"] == pytest.approx(by_state[t - 1][sample].norm().item(), rel=1e-10)


def test_only_answers_that_count_are_told_of_and_no_step_after_them() -> None:
    given = moment("gru", experiment="dyck", samples=3)
    found = measured(given, samples=3, answers=1000)
    assert (found.t <= found.answer).all()
    for sample in range(3):
        counted = [step for step, counts in zip(given.data.scored, given.data.mask[0, sample], strict=True) if counts]
        assert sorted(found[found["sample"] == sample].answer.unique()) == counted


def test_of_many_answers_some_are_chosen_evenly() -> None:
    given = moment("rnn", experiment="write_text")
    found = measured(given, answers=3)
    scored = given.data.scored
    assert found.answer.unique().tolist() == [scored[0], scored[round((len(scored) - 1) / 2)], scored[-1]]


def test_without_recurrence_an_answer_looks_at_its_own_step_alone() -> None:
    found = measured(moment("feedforward", experiment="copy"))
    assert (found[found.t < found.answer].norm == 0).all()
    assert (found[found.t == found.answer].norm > 0).all()


def test_each_step_says_what_it_reads_in_both_languages_of_the_task() -> None:
    given = moment("rnn", experiment="recall_dish", seed=[0, 1], samples=2, seq_len=8)
    found = measured(given, samples=2).query("part == 'x'").set_index(["member", "sample", "t"]).sort_index()
    for member, batch in enumerate(given.data.batches):
        for sample in range(2):
            own = found.loc[member, sample]
            shown = given.experiment.show(batch, sample, np.zeros((1, given.experiment.outputs.size)))
            assert shown is not None
            assert own.word.tolist() == list(shown.words)
            assert "".join(own.word) == shown.text
            assert own.gloss[1] == "today"


def test_steps_that_read_no_words_say_nothing() -> None:
    assert (measured(moment("rnn", experiment="sine_to_cosine")).word == "").all()


@pytest.mark.parametrize("value", [torch.inf, torch.nan])
def test_of_weights_that_are_no_numbers_norms_are_none(value: float) -> None:
    given = moment("lstm", num_layers=2)
    given.network.flat.fill_(value)
    assert not np.isfinite(measured(given).norm).any()
