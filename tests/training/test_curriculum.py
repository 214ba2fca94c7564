"""Training on lengths that vary or grow: which lengths, and that all else is as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from harness.base.errors import UserError
from harness.base.seeds import stream
from harness.settings.members import members
from harness.tasks.streams import Streams
from harness.training.pack import Pack, run
from tests.conftest import Config
from tests.training.test_checkpoint import assert_bit_identical, interrupted

COMPILED: dict[str, Any] = {"engine": {"compile": True}}


def lengths(config: Config, experiment: Any = "parity", seq_len: int = 40, **train: Any) -> np.ndarray:
    """Of every batch."""
    return members(config(experiment=experiment, seq_len=seq_len, train=train))[0].batch_lengths


def test_without_a_curriculum_every_batch_has_the_length_of_the_run(config: Config) -> None:
    assert lengths(config, steps=7).tolist() == [40] * 7


def test_uniform_lengths_are_all_as_likely(config: Config) -> None:
    found = lengths(config, curriculum="uniform", steps=40_000, shortest=11)
    values, counts = np.unique(found, return_counts=True)
    assert values.tolist() == [*range(11, 41)]
    expected = 40_000 / 30
    assert np.abs(counts - expected).max() < 4.5 * np.sqrt(expected)
    # One batch says nothing of the next.
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 4.5 / np.sqrt(40_000)


def test_growing_lengths_grow_evenly_up_to_their_share_of_the_training(config: Config) -> None:
    found = lengths(config, curriculum="growing", steps=100, shortest=2, growth=0.76)
    # 38 steps of length in 76 batches: two batches of each.
    assert found.tolist() == [*np.repeat(np.arange(2, 40), 2), *[40] * 24]


def test_growing_uniform_lengths_are_any_that_have_been_reached(config: Config) -> None:
    how = {"steps": 20_000, "growth": 1.0}
    limit, found = (lengths(config, curriculum=each, **how) for each in ("growing", "growing_uniform"))
    assert (found <= limit).all()
    assert found.min() == 2  # what parity takes
    late = found[limit == 20]  # as likely as each other
    assert late.mean() == pytest.approx(11, abs=4.5 * np.sqrt((19**2 - 1) / 12 / len(late)))
    assert set(late) == {*range(2, 21)}


@pytest.mark.parametrize("curriculum", ["uniform", "growing", "growing_uniform"])
def test_lengths_that_the_task_refuses_are_left_out(config: Config, curriculum: str) -> None:
    found = lengths(config, "recall_dish", seq_len=12, curriculum=curriculum, steps=200)
    assert set(found) == {*range(5, 13)}


def test_where_rows_differ_in_length_no_batch_is_shorter_than_its_shortest_row(config: Config) -> None:
    found = lengths(config, {"name": "recall_dish", "shortest": 7}, seq_len=12, curriculum="uniform", steps=200)
    assert set(found) == {*range(7, 13)}


def test_a_longer_training_starts_with_the_same_lengths(config: Config) -> None:
    short, long = (lengths(config, curriculum="uniform", steps=steps) for steps in (50, 300))
    np.testing.assert_array_equal(short, long[:50])


def test_lengths_that_are_drawn_stay_what_they_are(config: Config) -> None:
    """Runs that are done again must train on the same lengths."""
    assert lengths(config, curriculum="uniform", steps=8, shortest=11).tolist() == [33, 36, 20, 16, 27, 13, 22, 15]
    growing = lengths(config, curriculum="growing_uniform", steps=8, shortest=11)
    assert growing.tolist() == [11, 17, 15, 15, 27, 13, 22, 15]


def test_batches_are_as_long_as_the_curriculum_says_and_drawn_from_the_streams_of_the_members(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = config(experiment="parity", seq_len=12, seed=[3, 4], train={"curriculum": "uniform", "steps": 5})
    runs = members(made)
    pack, seen = Pack(runs), []
    drawn = pack.batches.next

    def watched(*arguments: Any) -> Any:
        seen.append(drawn(*arguments))
        return seen[-1]

    monkeypatch.setattr(pack.batches, "next", watched)
    for _ in range(5):
        pack.take_gradient()
        pack.move()
    assert len({data.inputs.shape[1] for data in seen}) > 1
    for member, settings in enumerate(runs):
        task, rng = settings.experiment, stream(settings.seed, "train", settings.experiment.name, 12)
        for data, length in zip(seen, settings.batch_lengths, strict=True):
            expected = task.sample(rng, 8, int(length)).inputs
            np.testing.assert_array_equal(data.inputs[member].T.numpy(), expected)


@pytest.mark.parametrize("curriculum", ["uniform", "growing"])
def test_a_run_in_a_pack_of_other_seeds_equals_the_run_alone(config: Config, curriculum: str) -> None:
    """In kernels, to the bit; their buffers hold batches of any length."""
    train = {"curriculum": curriculum, "steps": 9}
    packed = run(members(config(cell="lstm", seed=[0, 1], weight_scale=[0.9, 1.1], train=train, **COMPILED)))
    alone = run(members(config(cell="lstm", seed=1, weight_scale=1.1, train=train, **COMPILED)))
    own = alone["runs"].run_id[0]
    for name in ("curves", "gradients", "transport", "samples"):
        rows = packed[name][packed[name].run_id == own].reset_index(drop=True)
        pd.testing.assert_frame_equal(rows, alone[name], check_exact=True)


def test_kernels_train_on_varying_lengths_as_torch_does(config: Config) -> None:
    made = config(cell="gru", dtype="float64", train={"curriculum": "uniform", "steps": 12}, seq_len=15)
    found = [run(members({**made, "engine": {"compile": each}}))["curves"] for each in (True, False)]
    pair = [frame.drop(columns="run_id") for frame in found]
    pd.testing.assert_frame_equal(*pair, check_exact=False, rtol=1e-9)


@pytest.mark.parametrize("curriculum", ["uniform", "growing_uniform"])
def test_an_interrupted_training_goes_on_to_bit_identical_tables(
    config: Config, tmp_path: Path, curriculum: str
) -> None:
    made = config(seed=[0, 1], seq_len=12, train={"curriculum": curriculum, "steps": 11}, eval={"seq_len": [6, 12]})
    runs = members({**made, **COMPILED})
    for at in (4, 8):
        found = interrupted(runs, tmp_path / f"checkpoint-{at}.pt", at=at, every=3)
        assert_bit_identical(run(runs), found)


def test_where_nothing_is_said_of_it_a_curriculum_grows_from_the_tasks_shortest_length_in_half_of_the_training(
    config: Config,
) -> None:
    said = lengths(config, curriculum="growing", steps=100, shortest=2, growth=0.5)
    np.testing.assert_array_equal(lengths(config, curriculum="growing", steps=100), said)


def test_batches_shorter_than_the_cut_way_back_are_not_cut(config: Config) -> None:
    """Up to `train.k2` steps, a batch teaches what it teaches without a cut."""
    short = {"curriculum": "growing", "growth": 1.0, "steps": 4}  # 2, 4, 7 and 9 of 12 steps
    made = {each: config(experiment="parity", seq_len=12, train={**short, "k2": each}) for each in (None, 7)}
    assert members(made[7])[0].batch_lengths.tolist() == [2, 4, 7, 9]
    whole, cut = (run(members({**each, "probe": {"every": 1}}))["curves"] for each in made.values())
    same = ["loss", "grad_norm_weights"]
    np.testing.assert_array_equal(whole[same][:4], cut[same][:4])
    assert (whole[same].iloc[4] != cut[same].iloc[4]).all()


def test_evaluation_and_probes_are_at_the_length_of_the_run(config: Config) -> None:
    found = run(members(config(seq_len=12, train={"curriculum": "growing", "steps": 6})))
    assert found["gradients"].groupby("step").t.max().tolist() == [12, 12, 12]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"curriculum": "linear"}, ["train.curriculum=linear", "none, uniform, growing, growing_uniform"]),
        ({"curriculum": "uniform", "shortest": 0}, ["train.shortest=0", "greater than or equal to 1"]),
        ({"curriculum": "uniform", "shortest": 30}, ["train.shortest=30", "seq_len=20", "valid: 1 to 20"]),
        ({"curriculum": "uniform", "shortest": 20}, ["train.curriculum=uniform", "no other length", "valid: none"]),
        ({"shortest": 2}, ["train.shortest=2", "train.curriculum=none", "valid: null, or"]),
        ({"curriculum": "uniform", "growth": 0.5}, ["train.growth=0.5", "train.curriculum=uniform", "valid: null, or"]),
        ({"curriculum": "growing", "growth": 0}, ["train.growth=0", "greater than 0"]),
        ({"curriculum": "growing", "growth": 1.5}, ["train.growth=1.5", "less than or equal to 1"]),
    ],
)
def test_a_curriculum_without_lengths_is_refused_in_one_line(config: Config, changes: dict, words: list[str]) -> None:
    with pytest.raises(UserError) as raised:
        members(config(seq_len=20, train=changes))
    assert "\n" not in str(raised.value)
    for word in words:
        assert word in str(raised.value)


@pytest.mark.parametrize(
    ("experiment", "seq_len", "word"), [("digits_rows", 8, "no other"), ("sine_to_cosine", 10, "windows")]
)
def test_tasks_of_one_length_take_no_curriculum(config: Config, experiment: str, seq_len: int, word: str) -> None:
    with pytest.raises(UserError, match=f"train.curriculum=uniform: experiment={experiment} .*{word}.*valid: none"):
        members(config(experiment=experiment, seq_len=seq_len, train={"curriculum": "uniform"}))


def test_a_stream_goes_on_after_a_batch_of_another_length(config: Config) -> None:
    task = members(config(experiment="parity"))[0].experiment
    given = Streams(task, 8, [5], "train")
    found = [given.next(4, torch.float64, length).inputs[0] for length in (3, None, 11)]
    rng = stream(5, "train", "parity", 8)
    for inputs, length in zip(found, (3, 8, 11), strict=True):
        np.testing.assert_array_equal(inputs.T.numpy(), task.sample(rng, 4, length).inputs)
