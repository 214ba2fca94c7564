"""Two sweeps side by side: what matches, what is certain, and what is not, in tables whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.analysis.comparison import compare
from harness.base.errors import UserError
from tests.helpers.made_runs import made_runs


def noise(side: str, cell: str, length: int, seed: int, spread: float = 0.02) -> float:
    """A number that differs from run to run and is the same every time."""
    key = [ord(letter) for letter in f"{side} {cell} {length} {seed}"]
    return spread * float(np.random.default_rng(key).normal())


def plain(cell: str, length: int, seed: int) -> dict[str, Any]:
    return {"accuracy": 0.5 + noise("before", cell, length, seed), "loss": 1 + noise("loss", cell, length, seed)}


def better_lstm(cell: str, length: int, seed: int) -> dict[str, Any]:
    """Accuracy of lstm is higher by 0.3, its loss lower by 0.4, its gradient at the cue ten times as large."""
    gain = cell == "lstm"
    accuracy = 0.5 + 0.3 * gain + noise("after", cell, length, seed)
    loss = 1 - 0.4 * gain + noise("other", cell, length, seed)
    ratio = 0.1 * 10**gain * np.exp(noise("ratio", cell, length, seed))
    return {"accuracy": accuracy, "loss": loss, "grad_ratio": ratio}


def test_what_has_changed_is_certain_and_what_has_not_is_left_open() -> None:
    found = compare(made_runs(plain), made_runs(better_lstm, **{"train.lr": 0.1}))
    assert list(map(str, found.changes)) == ["train.lr: 0.01 → 0.1"]
    claims = found.table.set_index(["measure", "condition"]).claim
    assert claims["accuracy"].to_dict() == {
        "rnn, 20 steps": "", "rnn, 60 steps": "", "lstm, 20 steps": "better", "lstm, 60 steps": "better",
    }  # fmt: skip
    assert claims["loss"].to_dict() == claims["accuracy"].to_dict()
    assert claims["grad_ratio"].tolist() == ["", "", "higher", "higher"]
    own = found.table[(found.table.measure == "grad_ratio") & (found.table.condition == "lstm, 60 steps")].iloc[0]
    assert (own.before, own.after, own.change) == pytest.approx((0.1, 1.0, 10.0), rel=0.1)
    assert own.low < 10 < own.high


def test_a_change_for_the_worse_is_called_that() -> None:
    found = compare(made_runs(better_lstm), made_runs(plain))
    claims = found.table[found.table.condition == "lstm, 20 steps"].set_index("measure").claim
    assert claims[["accuracy", "loss", "grad_ratio"]].tolist() == ["worse", "worse", "lower"]


def test_seeds_that_disagree_make_no_claim_however_large_the_mean() -> None:
    def torn(cell: str, length: int, seed: int) -> dict[str, Any]:
        return {"accuracy": 1.0 if seed % 2 else 0.4}

    found = compare(made_runs(plain), made_runs(torn))
    own = found.table[found.table.measure == "accuracy"]
    assert (own.change > 0.1).all()
    assert (own.low < 0).all()
    assert (own.claim == "").all()
    assert found.findings[0] == "No change is certain: each may be chance."


def test_an_interval_without_0_is_no_claim_where_many_comparisons_were_made() -> None:
    before = made_runs(lambda *run: {"accuracy": 0.5 + noise("many", *run)}, lengths=tuple(range(10, 210)))
    runs = zip(before.cell, before.seq_len, before.seed, strict=True)
    after = before.assign(accuracy=[0.5 + noise("more", *run) for run in runs])
    own = compare(before, after).table.query("measure == 'accuracy'")
    without_0 = (own.low > 0) | (own.high < 0)
    assert 8 <= without_0.sum() <= 32  # 5 % of 400
    assert (own.claim == "").all()
    assert own.p_holm.min() >= 0.05


def test_the_number_of_comparisons_is_said_and_is_that_of_the_correction() -> None:
    found = compare(made_runs(plain), made_runs(better_lstm))
    # Of four conditions accuracy and loss; the gradient at the cue of all; nothing before the training has changed.
    assert found.comparisons == 12
    assert "12 comparisons were made" in found.findings[-1]
    smallest = found.table.loc[found.table.p.idxmin()]
    assert smallest.p_holm == pytest.approx(12 * smallest.p)
    assert [measure.name for measure in found.measures()] == ["accuracy", "loss", "grad_ratio"]


def test_sweeps_that_are_the_same_to_the_bit_are_said_to_be() -> None:
    found = compare(made_runs(plain), made_runs(plain))
    assert found.comparisons == 0
    assert found.findings == ["All values are the same on both sides, to the last bit."]


def test_failed_runs_are_counted_and_leave_their_pair() -> None:
    def failing(cell: str, length: int, seed: int) -> dict[str, Any]:
        return (
            {"status": "failed", "accuracy": np.nan, "loss": np.nan} if seed == 2 else better_lstm(cell, length, seed)
        )

    found = compare(made_runs(plain), made_runs(failing))
    assert found.conditions.failed_after.tolist() == [1, 1, 1, 1]
    assert found.table.query("measure == 'accuracy'").n_after.tolist() == [4, 4, 4, 4]
    assert "Failed runs: 0 before, 4 after." in found.findings


def test_diverged_runs_are_counted_and_what_is_not_finite_of_them_is_said_to_be_left_out() -> None:
    def diverging(cell: str, length: int, seed: int) -> dict[str, Any]:
        broken = {"status": "diverged", "loss": np.inf, "grad_ratio": np.inf} if cell == "rnn" and seed < 3 else {}
        return {**plain(cell, length, seed), **broken}

    found = compare(made_runs(plain), made_runs(diverging))
    own = found.table[found.table.condition == "rnn, 20 steps"].set_index("measure")
    assert found.conditions.diverged_after.tolist() == [3, 3, 0, 0]
    assert (own.n_after["accuracy"], own.left_out["accuracy"]) == (5, 0)
    assert (own.n_after["loss"], own.left_out["loss"]) == (2, 3)
    assert np.isnan(own.p["loss"])
    assert "Diverged runs: 0 before, 6 after." in found.findings


def test_the_loss_is_not_better_where_runs_have_diverged_however_low_that_of_the_others() -> None:
    def surviving(cell: str, length: int, seed: int) -> dict[str, Any]:
        return {"loss": 0.1 + noise("low", cell, length, seed)} if seed else {"status": "diverged", "loss": np.nan}

    before, after = made_runs(plain), made_runs(surviving)
    claims = [compare(before, runs).table.query("measure == 'loss'").claim for runs in (after, after[after.seed > 0])]
    assert claims[0].tolist() == [""] * 4
    assert claims[1].tolist() == ["better"] * 4


def test_few_seeds_have_dots_and_no_interval() -> None:
    found = compare(made_runs(plain, seeds=range(2)), made_runs(better_lstm, seeds=range(2)))
    assert found.comparisons == 0
    assert len(found.dots.query("measure == 'accuracy'")) == 8
    assert found.table.query("measure == 'accuracy'").change.notna().all()
    assert any(sentence.startswith("Fewer than 3 seeds") for sentence in found.findings)


def test_few_seeds_on_one_side_are_too_few() -> None:
    found = compare(made_runs(plain), made_runs(better_lstm, cells=("lstm",), seeds=(7, 8)))
    said = "Fewer than 3 seeds, so no interval: lstm, 20 steps and lstm, 60 steps."
    assert [each for each in found.findings if each.startswith("Fewer")] == [said]


def test_ratios_are_compared_as_factors_before_training_and_after() -> None:
    def tenfold(cell: str, length: int, seed: int) -> dict[str, Any]:
        return dict.fromkeys(("grad_ratio", "grad_ratio_init"), 1.0 if seed else 1e-4)

    table = compare(made_runs(plain), made_runs(tenfold)).table.set_index("measure")
    for name in ("grad_ratio", "grad_ratio_init"):
        assert table.loc[name].before.tolist() == pytest.approx([0.1] * 4)
        assert table.loc[name].after.tolist() == pytest.approx([10**-0.8] * 4)  # the mean of five exponents
        assert table.loc[name].change.tolist() == pytest.approx([10**0.2] * 4)


def test_what_stands_on_one_side_alone_is_named() -> None:
    found = compare(made_runs(plain, lengths=(20, 40)), made_runs(better_lstm, cells=("lstm", "gru"), lengths=(20, 60)))
    assert found.conditions.condition.tolist() == ["lstm, 20 steps"]
    assert found.only_before == ["rnn, 20 steps", "rnn, 40 steps", "lstm, 40 steps"]
    assert found.only_after == ["lstm, 60 steps", "gru, 20 steps", "gru, 60 steps"]


def test_a_setting_that_one_side_varies_is_matched_and_not_taken_for_the_change() -> None:
    before = pd.concat([made_runs(plain, **{"train.lr": rate}) for rate in (0.01, 0.1)])
    found = compare(before, made_runs(better_lstm, **{"train.lr": 0.1}))
    assert found.changes == []
    assert "lstm, 60 steps, train.lr=0.1" in found.conditions.condition.tolist()
    assert "lstm, 60 steps, train.lr=0.01" in found.only_before


def test_an_option_of_one_cell_is_a_change_of_its_runs_alone() -> None:
    def option(value: float) -> Any:
        return lambda cell, length, seed: {"cell.forget_bias": value if cell == "lstm" else None}

    found = compare(made_runs(option(0.0)), made_runs(option(3.0)))
    assert list(map(str, found.changes)) == ["lstm: cell.forget_bias: 0 → 3"]
    assert len(found.conditions) == 4


def test_another_cell_is_a_change_that_can_be_looked_at() -> None:
    found = compare(made_runs(plain, cells=("rnn",)), made_runs(better_lstm, cells=("lstm",)))
    assert list(map(str, found.changes)) == ["cell: rnn → lstm"]
    assert found.conditions.condition.tolist() == ["20 steps", "60 steps"]
    assert found.table.query("measure == 'accuracy'").claim.tolist() == ["better", "better"]


def test_beside_another_cell_other_settings_have_changed_and_options_of_either_cell_have_not() -> None:
    before = made_runs(plain, cells=("rnn",), **{"cell.nonlinearity": "tanh"})
    after = made_runs(better_lstm, cells=("lstm",), **{"cell.forget_bias": 3.0, "train.lr": 0.1})
    found = compare(before, after)
    assert list(map(str, found.changes)) == ["cell: rnn → lstm", "train.lr: 0.01 → 0.1"]
    assert found.conditions.condition.tolist() == ["20 steps", "60 steps"]


def test_options_that_tell_conditions_of_a_cell_apart_do_so_beside_a_change() -> None:
    before, after = (
        pd.concat([made_runs(lambda *run, bias=bias: {"cell.forget_bias": bias}, ("lstm",), (20,), **{"train.lr": lr})
                   for bias in (1.0, 3.0)])
        for lr in (0.01, 0.1)
    )  # fmt: skip
    found = compare(before, after)
    assert list(map(str, found.changes)) == ["train.lr: 0.01 → 0.1"]
    assert found.conditions.condition.tolist() == ["lstm, forget_bias 1", "lstm, forget_bias 3"]


def test_each_condition_has_its_own_runs_however_the_tables_are_ordered() -> None:
    def known(cell: str, length: int, seed: int) -> dict[str, Any]:
        return {"accuracy": length / 100, "eval_samples": 512}

    before = made_runs(known, cells=("rnn",), lengths=(60, 40, 20))
    found = compare(before, made_runs(lambda *run: {"accuracy": run[1] / 80}, cells=("rnn",), lengths=(20, 40, 60)))
    own = found.table[found.table.measure == "accuracy"].set_index("condition")
    assert own.before.to_dict() == pytest.approx({"rnn, 60 steps": 0.6, "rnn, 40 steps": 0.4, "rnn, 20 steps": 0.2})
    assert own.after.to_dict() == pytest.approx({"rnn, 60 steps": 0.75, "rnn, 40 steps": 0.5, "rnn, 20 steps": 0.25})


def test_accuracies_of_few_samples_are_known_no_better_than_by_one_of_them() -> None:
    """Of 8 samples, one more that is right in every run is no more than rounding; of 512, it is a change."""
    found = {
        samples: compare(*(made_runs(lambda *run, own=own, samples=samples: {"accuracy": own, "eval_samples": samples})
                           for own in (0.5, 0.625)))
        for samples in (8, 512)
    }  # fmt: skip
    claims = {samples: set(each.table[each.table.measure == "accuracy"].claim) for samples, each in found.items()}
    assert claims == {8: {""}, 512: {"better"}}


def test_whole_numbers_are_the_same_setting_whatever_their_type() -> None:
    after = made_runs(better_lstm, hidden_size=32).astype({"hidden_size": "Float64"})
    assert len(compare(made_runs(plain, hidden_size=32), after).conditions) == 4


def test_a_rate_that_describes_nothing_is_no_value() -> None:
    def unclear(cell: str, length: int, seed: int) -> dict[str, Any]:
        return {"decay_rate": 5.0 + seed, "verdict": "undefined" if seed < 4 else "stable"}

    found = compare(made_runs(plain), made_runs(unclear))
    assert found.table.query("measure == 'decay_rate'").n_after.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (made_runs(plain, lengths=(30, 40)), r"seq_len \(20 and 60 / 30 and 40\)"),
        (made_runs(plain, experiment="copy"), r"experiment \(recall_dish / copy\)"),
        (made_runs(plain, cells=("gru", "cfn"), lengths=(30, 40)), "cell .*, seq_len"),
    ],
)
def test_sweeps_without_a_common_condition_are_refused_with_what_sets_them_apart(after: pd.DataFrame, why: str) -> None:
    with pytest.raises(UserError, match=f"^a and b: no condition stands in both: .*{why}") as raised:
        compare(made_runs(plain), after, ("a", "b"))
    assert "\n" not in str(raised.value)
