"""The flip-flop against switches that are set one pulse after another."""

from __future__ import annotations

import numpy as np
import pytest

from harness.experiments.flip_flop import FlipFlop
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw, lookup


@pytest.mark.parametrize(("bits", "pulses", "seq_len"), [(3, 0.1, 50), (1, 0.5, 2), (2, 0.0, 9), (4, 1.0, 7)])
def test_each_bit_is_what_its_last_pulse_has_made_of_it(bits: int, pulses: float, seq_len: int) -> None:
    task = FlipFlop(bits=bits, pulses=pulses)
    batch = draw(task, 50, seq_len)
    for index, (inputs, targets, cue) in enumerate(zip(batch.inputs, batch.targets, batch.cue, strict=True)):
        switches, set_at = [None] * bits, [0] * bits
        for step, (pulse, answer) in enumerate(zip(inputs.tolist(), targets.tolist(), strict=True), start=1):
            for bit, sign in enumerate(pulse):
                if sign:
                    switches[bit], set_at[bit] = int(sign > 0), step
            assert switches == answer
        assert set_at == cue.tolist()
        shown = task.show(batch, index, 2.0 * targets - 1)
        assert shown.expected == shown.answered == "".join(map(str, switches))
        assert len(shown.words) == seq_len


def test_a_bit_is_pulsed_as_often_as_is_said_and_up_as_often_as_down() -> None:
    inputs = draw(FlipFlop(pulses=0.3), 2000, 20).inputs
    assert (inputs[:, 0] != 0).all()
    assert (inputs[:, 1:] != 0).mean() == pytest.approx(0.3, abs=0.01)
    assert inputs[inputs != 0].mean() == pytest.approx(0, abs=0.01)


def test_without_memory_one_knows_the_pulses_of_this_step_alone() -> None:
    task = FlipFlop(bits=2, pulses=0.2)
    batch = draw(task, 40_000, 4)
    seen = ((batch.inputs + 1) @ [1, 3]).astype(int)
    together = lookup(seen, batch.targets @ [1, 2])
    assert together.accuracy == pytest.approx(task.chance(4), abs=0.005)
    each = [lookup(seen, batch.targets[..., bit]).loss for bit in range(2)]
    assert np.mean(each) == pytest.approx(task.chance_loss(4), abs=0.005)


@pytest.mark.slow
def test_three_bits_need_a_nonlinear_network() -> None:
    runs = trained(FlipFlop, ["rnn", "linear"], seq_len=50, hidden_size=32, train={"steps": 500})
    assert_borne_out(FlipFlop, runs)
