"""Every built-in experiment keeps the contract of experiments; what does not is caught, and said clearly."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
import yaml

from harness.base.seeds import stream
from harness.experiment import Batch, Classes, Experiment, Labels, Sample, Values, VariedLengths, Verdict
from harness.plugins.registry import registry
from harness.testing import ContractError, check_experiment


def versions() -> list[Any]:
    """Every experiment as it stands, in every version that its own sweep visits, and in every published protocol."""
    found = []
    for plugin in registry().of_kind("experiment"):
        swept = {
            key.removeprefix("experiment."): [yaml.safe_load(value) for value in str(values).split(",")]
            for key, values in plugin.target.sweep.items()
            if key.startswith("experiment.")
        }
        several = [dict(zip(swept, values, strict=True)) for values in itertools.product(*swept.values())]
        protocol = plugin.target.model_fields.get("protocol")
        published = [{"protocol": name} for name in (get_args(protocol.annotation) if protocol else ())]
        made: list[Experiment] = []
        varied = [{"shortest": plugin.target().min_seq_len()}] if issubclass(plugin.target, VariedLengths) else []
        for options in [{}, *several, *published, *varied]:
            if (version := plugin.target(**options)) not in made:  # some are the same by other words
                made.append(version)
                name = ", ".join([plugin.name, *(f"{key}={value}" for key, value in options.items())])
                found.append(pytest.param(version, id=name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("experiment", versions())
def test_experiments_keep_the_contract(experiment: Experiment) -> None:
    check_experiment(experiment)


@pytest.mark.parametrize("task", versions())
def test_every_sample_asks_something_at_the_shortest_length_too(task: Experiment) -> None:
    shortest = next(length for length in range(task.min_seq_len(), 2000) if not task.refuses(length))
    for draw in (task.sample, task.held_out):
        alone = [draw(stream(seed, "test"), 1, task.windows * shortest) for seed in range(20)]
        together = draw(stream(0, "test"), 100, task.windows * shortest)
        for batch in (*alone, together):
            assert batch.judged.any(axis=1).all()


class First(Experiment):
    """The first of four tokens is asked for at the end."""

    name = "first"
    claim = "It can be remembered."

    @property
    def input_size(self) -> int:
        return 4

    @property
    def outputs(self) -> Any:
        return Classes(4)

    def chance(self, seq_len: int) -> float:
        return 1 / 4

    def min_seq_len(self) -> int:
        return 2

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        row = rng.integers(4, size=(batch_size, seq_len))
        return Batch(row, row[:, :1])


class Shown(First):
    """The same with one-hot vectors in place of tokens: what they tell of the answer cannot be counted."""

    def sample(self, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
        batch = super().sample(rng, batch_size, seq_len)
        return Batch(np.eye(4)[batch.inputs], batch.targets)


@pytest.mark.parametrize("claim", ["guess", "solve", "vanish", "differ"])
def test_a_claim_that_some_results_refute_passes(claim: str) -> None:
    def bears_out(cls: type[Experiment], tables: Any) -> Verdict:
        runs = tables.runs
        holds = {
            "guess": (runs.accuracy <= runs.chance).all(),
            "solve": runs.solved.fillna(False).all(),
            "vanish": (runs.verdict_init == "vanishing").all(),
            "differ": runs.accuracy.nunique() > 1,
        }
        return Verdict(bool(holds[claim]), "So it is.")

    check_experiment(faulty(bears_out=classmethod(bears_out))(), steps=0)


STEPS = 100
"""Training steps in which a network without memory learns what single inputs tell of a task as small as this one."""


@pytest.mark.parametrize("sound", [First, Shown])
def test_a_sound_experiment_passes(sound: type[Experiment]) -> None:
    check_experiment(sound(), steps=STEPS)


def faulty(base: type[Experiment] = First, **attributes: Any) -> type[Experiment]:
    """A sound experiment with something replaced."""
    return type("Bad", (base,), {"__doc__": "A task with a fault in it.", "__module__": __name__, **attributes})


def drawing(change: Callable[[Batch, np.random.Generator], Batch]) -> type[Experiment]:
    """The sound experiment with its batches changed."""
    return faulty(sample=lambda self, rng, batch_size, seq_len: change(First().sample(rng, batch_size, seq_len), rng))


def assert_caught(made: type[Experiment], words: str, steps: int) -> None:
    """The check fails, and names the experiment and the fault."""
    with pytest.raises(ContractError) as caught:
        check_experiment(made(), steps=steps)
    assert words in str(caught.value)
    assert all(line.startswith("experiment first: ") for line in str(caught.value).splitlines())


def telling_the_last(self: Experiment, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
    row = rng.integers(4, size=(batch_size, seq_len))
    return Batch(np.eye(4)[row], row[:, -1:])


FOUND_BY_TRAINING = {
    "leak": (faulty(Shown, sample=telling_the_last), "the answer leaks through single inputs, or chance is too low"),
    "chance too high": (faulty(Shown, chance=lambda self, seq_len: 0.6), "stated as 0.6000: it is too high"),
    "chance too low": (faulty(Shown, chance=lambda self, seq_len: 0.1), "chance is too low"),
    "chance loss too high": (faulty(Shown, chance_loss=lambda self, seq_len: 9.0), "stated as 9.0000: it is too high"),
    "chance loss too low": (faulty(Shown, chance_loss=lambda self, seq_len: 0.9), "stated as 0.9000: it is too low"),
}  # fmt: skip
"""What a network without memory brings to light, and words of the message."""


@pytest.mark.parametrize(("made", "words"), FOUND_BY_TRAINING.values(), ids=FOUND_BY_TRAINING)
def test_a_wrong_chance_level_is_found_by_training(made: type[Experiment], words: str) -> None:
    assert_caught(made, words, STEPS)


def global_random(batch: Batch, rng: np.random.Generator) -> Batch:
    row = np.random.randint(4, size=batch.inputs.shape)  # noqa: NPY002 -- the fault
    return Batch(row, row[:, :1])


def global_too(batch: Batch, rng: np.random.Generator) -> Batch:
    np.random.random()  # noqa: NPY002 -- the fault: others who draw from there are given something else
    return batch


def sampling_the_third(self: Experiment, rng: np.random.Generator, batch_size: int, seq_len: int) -> Batch:
    row = rng.integers(4, size=(batch_size, seq_len))
    return Batch(row, row[:, [2]])


def leaking_now_and_then(batch: Batch, rng: np.random.Generator) -> Batch:
    """In one sample of twenty the last token is the answer."""
    row = batch.inputs.copy()
    leaks = rng.random(len(row)) < 1 / 20
    row[leaks, -1] = row[leaks, 0]
    return Batch(row, row[:, :1])


def asking_nothing_now_and_then(batch: Batch, rng: np.random.Generator) -> Batch:
    """Where the sequence is as short as can be, nothing is asked for in one sample of fifty."""
    asked = (batch.length > 2) | (rng.random((len(batch.inputs), 1)) > 1 / 50)
    return Batch(batch.inputs, batch.targets, mask=asked)


class Undocumented(First):
    """A task whose option nobody explains."""

    digits: int = 3


FOUND_BY_LOOKING = {
    "no share": (faulty(chance=lambda self, seq_len: 25), "valid: a share from 0 to 1"),
    "global randomness": (drawing(global_random), "not reproducible from its generator"),
    "global randomness that is not used": (drawing(global_too), "draws from a global random generator; valid: rng"),
    "constant": (
        faulty(sample=lambda self, rng, batch_size, seq_len: Batch(*[np.zeros((batch_size, seq_len), int)] * 2)),
        "does not depend on its generator",
    ),
    "token out of range": (drawing(lambda batch, rng: Batch(batch.inputs + 1, batch.targets)), "valid: 0 to 3"),
    "real tokens": (drawing(lambda batch, rng: Batch(batch.inputs / 2, batch.targets)), "tokens of float64"),
    "class out of range": (faulty(outputs=property(lambda self: Classes(3))), "whole numbers from 0 to 2"),
    "labels without their axis": (faulty(outputs=property(lambda self: Labels(4))), "(B, S, 4)"),
    "values of integers": (faulty(outputs=property(lambda self: Values(0.1))), "finite real numbers"),
    "wrong length": (drawing(lambda batch, rng: Batch(batch.inputs[:, 1:], batch.targets)), "asked for (200, 12, …)"),
    "vector length": (
        drawing(lambda batch, rng: Batch(rng.random((*batch.inputs.shape, 3)), batch.targets)),
        "vectors of length 3, but input_size is 4",
    ),
    "NaN": (
        drawing(lambda batch, rng: Batch(np.full((*batch.inputs.shape, 4), np.nan), batch.targets)),
        "not all finite real numbers",
    ),
    "nothing scored": (
        drawing(lambda batch, rng: Batch(batch.inputs, batch.targets, mask=np.zeros(batch.targets.shape, bool))),
        "a sample has no scored output",
    ),
    "raises": (
        faulty(sample=lambda self, rng, batch_size, seq_len: 1 / 0),
        "ZeroDivisionError: division by zero (test_experiment.py, line ",
    ),
    "shortest length too short": (
        faulty(min_seq_len=lambda self: 2, sample=sampling_the_third),
        "at seq_len=2, drawing a batch raises IndexError",
    ),
    "shortest length too short for some samples": (
        drawing(asking_nothing_now_and_then),
        "a sample has no scored output",
    ),
    "chance one per cent too high for long sequences": (
        faulty(chance=lambda self, seq_len: 0.25 if seq_len <= 12 else 0.26),
        "at seq_len=24, chance is stated as 0.2600: it is too high",
    ),
    "chance one per cent too low for the shortest ones": (
        faulty(chance=lambda self, seq_len: 0.25 if seq_len > 2 else 0.24),
        "at seq_len=2, chance is stated as 0.2400: the answer leaks through single inputs, or chance is too low",
    ),
    "chance loss two per cent too high": (
        faulty(chance_loss=lambda self, seq_len: 1.02 * np.log(4)),
        "has a loss of 1.3864 at seq_len=12, the chance_loss is stated as 1.4140: it is too high, or the answer leaks",
    ),
    "chance loss two per cent too low": (
        faulty(chance_loss=lambda self, seq_len: 0.98 * np.log(4)),
        "the chance_loss is stated as 1.3586: it is too low (or only a bound: exact_chance = False)",
    ),
    "leak": (
        drawing(lambda batch, rng: Batch(batch.inputs, batch.inputs[:, -1:])),
        "the best table from a token to an answer is right in 1.0000 at seq_len=12, chance is stated as 0.2500: "
        "the answer leaks through single inputs, or chance is too low",
    ),
    "feedback": (
        faulty(
            feedback=property(lambda self: 0),
            sample=drawing(lambda batch, rng: Batch(batch.inputs, batch.inputs[:, :3])).sample,
        ),
        "the input of an answer step must be the answer before it",
    ),
    "show of NaN": (
        faulty(show=lambda self, batch, index, output: Sample(str(int(output[0, 0])))),
        "show of outputs that are NaN raises ValueError",
    ),
    "show of a word too few": (
        faulty(show=lambda self, batch, index, output: Sample("text", words=["one"])),
        "valid: one for each step up to the last judged output",
    ),
    "claim check": (faulty(bears_out=classmethod(lambda cls, tables: "yes")), "valid: Verdict or None"),
    "claim check that raises on results": (
        faulty(
            sweep={"cell": "rnn,lstm"},
            bears_out=classmethod(lambda cls, tables: tables.runs.query("cell == 'lstm'").nonsense),
        ),
        "bears_out of these tables raises AttributeError",
    ),
    "chance one per cent too high": (
        faulty(chance=lambda self, seq_len: 0.26),
        "chance is stated as 0.2600: it is too high (or only a bound: exact_chance = False)",
    ),
    "chance one per cent too low": (
        faulty(chance=lambda self, seq_len: 0.24),
        "chance is stated as 0.2400: the answer leaks through single inputs, or chance is too low",
    ),
    "bound that is no bound": (
        faulty(chance=lambda self, seq_len: 0.24, exact_chance=False),
        "the answer leaks through single inputs, or chance is too low",
    ),
    "leak in one sample of twenty": (drawing(leaking_now_and_then), "the answer leaks through single inputs"),
    "claim of anything": (
        faulty(bears_out=classmethod(lambda cls, tables: Verdict(True, "It is so."))),
        "bears_out holds of anything: where all runs guess, where all solve the task",
    ),
    "claim of anything with runs": (
        faulty(bears_out=classmethod(lambda cls, tables: Verdict(bool(tables.runs.accuracy.max() >= 0), "It is so."))),
        "bears_out holds of anything",
    ),
    "cell of no name": (faulty(sweep={"cell": "rnn,lstmm"}), "sweep has the cell 'lstmm'"),
    "unknown setting": (faulty(sweep={"cells": "rnn"}), "sweep has 'cells', which is no setting"),
    "option without description": (Undocumented, "option digits has no description"),
    "no docstring": (faulty(__doc__=None), "has no docstring"),
    "short docstring": (faulty(__doc__="A task."), "docstring starts with 'A task.'; valid: a first line of more"),
}  # fmt: skip
"""What shows without training, and words of the message."""


@pytest.mark.parametrize(("made", "words"), FOUND_BY_LOOKING.values(), ids=FOUND_BY_LOOKING)
def test_any_other_fault_is_found_without_training(made: type[Experiment], words: str) -> None:
    assert_caught(made, words, steps=0)


def test_of_what_is_shown_in_place_of_a_sample_nothing_else_is_said() -> None:
    with pytest.raises(ContractError) as caught:
        check_experiment(faulty(show=lambda self, batch, index, output: "text")(), steps=0)
    assert str(caught.value) == "experiment first: show returns 'text'; valid: a Sample of texts, or None"
