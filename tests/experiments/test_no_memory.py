"""Related data, read item by item."""

from __future__ import annotations

import pandas as pd
import pytest

from harness.experiments.no_memory import NoMemory
from tests.helpers.claims import assert_borne_out, borne_out, trained
from tests.helpers.tasks import draw, lookup


@pytest.mark.parametrize("back", [0, 1, 3])
@pytest.mark.parametrize("seq_len", [4, 11])
def test_an_answer_is_the_sum_of_an_item_and_an_earlier_one(back: int, seq_len: int) -> None:
    batch = draw(NoMemory(back=back, items=5), 50, seq_len)
    for data, results in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        by_step = dict(zip(batch.scored.tolist(), results, strict=True))
        expected = {t: (data[t - 1] + data[t - 1 - back]) % 5 for t in range(1, seq_len + 1) if t > back}
        assert by_step == expected
    assert (batch.cue == seq_len - back).all()


@pytest.mark.parametrize(("back", "items"), [(0, 4), (1, 4), (2, 3)])
def test_the_best_table_from_item_to_answer_gets_to_chance(back: int, items: int) -> None:
    task = NoMemory(back=back, items=items)
    batch = draw(task, 20_000, 6)
    found = lookup(batch.inputs[:, batch.scored - 1], batch.targets)
    assert found.accuracy == pytest.approx(task.chance(6), abs=0.01)
    assert found.loss == pytest.approx(task.chance_loss(6), abs=0.01)


@pytest.mark.parametrize(("blind", "holds"), [(0.25, True), (0.6, False)])
def test_the_claim_is_about_both_networks_on_both_data(blind: float, holds: bool) -> None:
    runs = pd.DataFrame({"cell": ["feedforward", "rnn"] * 2, "experiment.back": [0, 0, 1, 1]})
    runs = runs.assign(accuracy=[1, 1, blind, 1], chance=[1, 1, 0.25, 0.25], status="ok")
    runs["solved"] = runs.accuracy > 0.95
    assert borne_out(NoMemory, runs) is holds
    assert borne_out(NoMemory, runs[:3]) is None


@pytest.mark.slow
def test_the_ordinary_network_guesses_where_the_rnn_knows() -> None:
    runs = trained(
        NoMemory, ["feedforward", "rnn"], {"back": [0, 1]}, seq_len=10, hidden_size=64, seed=[0, 1],
        train={"steps": 1000, "lr": 0.003}, probe={"every": 100},
    )  # fmt: skip
    assert_borne_out(NoMemory, runs)
