"""Names backwards, read from the surface."""

from __future__ import annotations

import numpy as np
import pytest

from harness.experiments.reverse_name import SYLLABLES, ReverseName
from harness.settings.members import members
from harness.training.pack import run
from tests.conftest import Config
from tests.helpers.claims import assert_borne_out, trained
from tests.helpers.tasks import draw


@pytest.mark.parametrize("feed_back", [False, True])
@pytest.mark.parametrize("seq_len", [2, 7, 12])
def test_a_name_is_answered_backwards(feed_back: bool, seq_len: int) -> None:
    task = ReverseName(feed_back=feed_back)
    batch = draw(task, 40, seq_len)
    blank, marker, size = task.n_characters, task.n_characters + 1, seq_len // 2
    assert batch.scored.tolist() == list(range(seq_len - size + 1, seq_len + 1))
    for index, (inputs, targets) in enumerate(zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True)):
        asked = inputs.index(marker)
        name = inputs[seq_len % 2 : asked]
        assert inputs[: seq_len % 2] == [blank] * (seq_len % 2)
        assert targets == [*reversed(name)]
        assert inputs[asked + 1 :] == (targets[:-1] if feed_back else [blank] * (size - 1))
        assert inputs[batch.cue[index, 0] - 1] == targets[-1]


def test_the_name_of_the_tutorial_is_among_the_held_out_ones() -> None:
    task = ReverseName()
    batch = draw(task, 3, 12, held_out=True)
    right = np.eye(task.n_characters)[batch.targets[0]]
    shown = task.show(batch, 0, right)
    assert (shown.text, shown.expected, shown.answered) == ("斯蒂芬乔布斯", "斯布乔芬蒂斯", "斯布乔芬蒂斯")


def test_every_character_is_one_token() -> None:
    assert len(set(SYLLABLES)) == len(SYLLABLES)


@pytest.mark.parametrize("feed_back", [False, True])
def test_a_short_name_is_learned_with_either_kind_of_answer_phase(config: Config, feed_back: bool) -> None:
    made = config(
        experiment={"name": "reverse_name", "n_characters": 6, "feed_back": feed_back}, cell="gru", seq_len=4,
        hidden_size=24, train={"steps": 200, "batch_size": 32, "lr": 0.02}, probe={"every": 200},
    )  # fmt: skip
    found = run(members(made))
    assert found["runs"].accuracy.item() > 0.9
    assert (found["samples"].answered == found["samples"].expected).any()


@pytest.mark.slow
def test_every_cell_learns_it_and_gated_ones_make_fewer_mistakes() -> None:
    runs = trained(
        ReverseName, ["rnn", "gru", "lstm"], {"n_characters": 8}, seq_len=12, hidden_size=64, seed=[0, 1, 2, 3],
        train={"steps": 1500, "lr": 0.005, "stop_solved": False},
    )  # fmt: skip
    assert_borne_out(ReverseName, runs)
