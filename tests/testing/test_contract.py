"""Every built-in plugin keeps the contract; what does not is caught, and said clearly."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from harness.cells import HandDerivative, PointwiseCell
from harness.experiment import Batch, Classes, Experiment, Labels, Sample, Values
from harness.figures import Figure, canvas
from harness.plugins.registry import Plugin, registry
from harness.probes import Moment, Probe
from harness.tables.tables import Tables
from harness.testing import ContractError, check_cell, check_experiment, check_figure, check_probe, small_tables


def every(kind: str) -> list[Any]:
    return [pytest.param(plugin, id=plugin.name) for plugin in registry().of_kind(kind)]


def versions() -> list[Any]:
    """Every experiment in every version that its own sweep visits, and as it stands."""
    found = []
    for plugin in registry().of_kind("experiment"):
        swept = {
            key.removeprefix("experiment."): [yaml.safe_load(value) for value in str(values).split(",")]
            for key, values in plugin.target.sweep.items()
            if key.startswith("experiment.")
        }
        several = [dict(zip(swept, values, strict=True)) for values in itertools.product(*swept.values())]
        for options in [{}, *(each for each in several if each)]:
            name = ", ".join([plugin.name, *(f"{key}={value}" for key, value in options.items())])
            found.append(pytest.param(plugin, options, id=name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("plugin", "options"), versions())
def test_experiments_keep_the_contract(plugin: Plugin, options: dict[str, Any]) -> None:
    check_experiment(plugin.target(**options))


@pytest.mark.parametrize("plugin", every("cell"))
def test_cells_keep_the_contract(plugin: Plugin) -> None:
    check_cell(plugin.target())


@pytest.mark.parametrize("plugin", [each for each in every("figure") if each.id != "weight_product"])
def test_figures_keep_the_contract(plugin: Plugin) -> None:
    # That of weight_product is for the linear cell: see its own test.
    check_figure(plugin.target(), two_versions() if plugin.name == "accuracy_by_option" else None)


def two_versions() -> Tables:
    """Runs that differ in an option of their experiment."""
    task = registry().get("experiment", "recall_dish")
    return small_tables(task(n_dishes=4), task(n_dishes=8))


@pytest.mark.parametrize("plugin", every("probe"))
def test_probes_keep_the_contract(plugin: Plugin) -> None:
    check_probe(plugin.target())


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


def test_a_sound_experiment_passes() -> None:
    check_experiment(First())


def bad_experiments() -> dict[str, tuple[type[Experiment], str]]:
    def sampling(change: Any) -> Any:
        return lambda self, rng, batch_size, seq_len: change(First.sample(First(), rng, batch_size, seq_len), rng)

    def global_random(batch: Batch, rng: Any) -> Batch:
        row = np.random.randint(4, size=batch.inputs.shape)  # noqa: NPY002 -- the fault
        return Batch(row, row[:, :1])

    def changed(**attributes: Any) -> type[Experiment]:
        return type("Bad", (First,), {"__doc__": "A task with a fault in it.", "__module__": __name__, **attributes})

    def sampling_the_third(self: Experiment, rng: Any, batch_size: int, seq_len: int) -> Batch:
        row = rng.integers(4, size=(batch_size, seq_len))
        return Batch(row, row[:, [2]])

    class Undocumented(First):
        """A task whose option nobody explains."""

        digits: int = 3

    return {
        "leak": (
            changed(sample=sampling(lambda batch, rng: Batch(batch.inputs, batch.inputs[:, -1:]))),
            "the answer leaks through single inputs, or chance is too low",
        ),
        "chance too high": (changed(chance=lambda self, seq_len: 0.6), "it is too high"),
        "chance too low": (changed(chance=lambda self, seq_len: 0.1), "chance is too low"),
        "no share": (changed(chance=lambda self, seq_len: 25), "valid: a share from 0 to 1"),
        "chance loss too high": (changed(chance_loss=lambda self, seq_len: 9.0), "stated as 9.0000: it is too high"),
        "chance loss too low": (changed(chance_loss=lambda self, seq_len: 0.9), "stated as 0.9000: it is too low"),
        "global randomness": (changed(sample=sampling(global_random)), "not reproducible from its generator"),
        "constant": (
            changed(sample=lambda self, rng, batch_size, seq_len: Batch(*[np.zeros((batch_size, seq_len), int)] * 2)),
            "does not depend on its generator",
        ),
        "token out of range": (
            changed(sample=sampling(lambda batch, rng: Batch(batch.inputs + 1, batch.targets))),
            "valid: 0 to 3",
        ),
        "real tokens": (
            changed(sample=sampling(lambda batch, rng: Batch(batch.inputs / 2, batch.targets))),
            "tokens of float64",
        ),
        "class out of range": (changed(outputs=property(lambda self: Classes(3))), "whole numbers from 0 to 2"),
        "labels without their axis": (changed(outputs=property(lambda self: Labels(4))), "(B, S, 4)"),
        "values of integers": (changed(outputs=property(lambda self: Values(0.1))), "finite real numbers"),
        "wrong length": (
            changed(sample=sampling(lambda batch, rng: Batch(batch.inputs[:, 1:], batch.targets))),
            "asked for (6, 12, …)",
        ),
        "vector length": (
            changed(sample=sampling(lambda batch, rng: Batch(rng.random((*batch.inputs.shape, 3)), batch.targets))),
            "vectors of length 3, but input_size is 4",
        ),
        "nothing scored": (
            changed(
                sample=sampling(
                    lambda batch, rng: Batch(batch.inputs, batch.targets, mask=np.zeros(batch.targets.shape, bool))
                )
            ),
            "a sample has no scored output",
        ),
        "raises": (
            changed(sample=lambda self, rng, batch_size, seq_len: 1 / 0),
            "ZeroDivisionError: division by zero (test_contract.py, line ",
        ),
        "feedback": (
            changed(
                feedback=property(lambda self: 0),
                sample=sampling(lambda batch, rng: Batch(batch.inputs, batch.inputs[:, :3])),
            ),
            "the input of an answer step must be the answer before it",
        ),
        "option without description": (Undocumented, "option digits has no description"),
        "unknown setting": (changed(sweep={"cells": "rnn"}), "sweep has 'cells', which is no setting"),
        "show of NaN": (
            changed(show=lambda self, batch, index, output: Sample(str(int(output[0, 0])))),
            "show of outputs that are NaN raises ValueError",
        ),
        "show of no sample": (changed(show=lambda self, batch, index, output: "text"), "valid: a Sample of texts"),
        "no docstring": (changed(__doc__=None), "has no docstring"),
        "short docstring": (changed(__doc__="A task."), "docstring starts with 'A task.'; valid: a first line of more"),
        "claim check that raises on results": (
            changed(
                sweep={"cell": "rnn,lstm"},
                bears_out=classmethod(lambda cls, tables: tables.runs.query("cell == 'lstm'").nonsense),
            ),
            "bears_out of these tables raises AttributeError",
        ),
        "cell of no name": (changed(sweep={"cell": "rnn,lstmm"}), "sweep has the cell 'lstmm'"),
        "shortest length too short": (
            changed(min_seq_len=lambda self: 2, sample=sampling_the_third),
            "at seq_len=2, drawing a batch raises IndexError",
        ),
        "NaN": (
            changed(
                sample=sampling(lambda batch, rng: Batch(np.full((*batch.inputs.shape, 4), np.nan), batch.targets))
            ),
            "not all finite real numbers",
        ),
        "claim check": (changed(bears_out=classmethod(lambda cls, tables: "yes")), "valid: Verdict or None"),
    }


@pytest.mark.parametrize("fault", bad_experiments())
def test_a_bad_experiment_is_caught_with_a_clear_message(fault: str) -> None:
    made, words = bad_experiments()[fault]
    with pytest.raises(ContractError) as caught:
        check_experiment(made(), steps=200)
    assert words in str(caught.value)
    assert all(line.startswith("experiment first: ") for line in str(caught.value).splitlines())


class Sine(PointwiseCell):
    """A recurrence through a sine."""

    name = "sine"
    gates = ("h",)

    def step(self, pre: torch.Tensor, state: Any) -> Any:
        return {"h": pre.sin()}


class WrongDerivative(PointwiseCell, HandDerivative):
    """A cell that thinks the derivative of tanh is 1."""

    name = "wrong"
    gates = ("h",)

    def step(self, pre: torch.Tensor, state: Any) -> Any:
        return {"h": pre.tanh()}

    def forward_(self, pre: torch.Tensor, state: Any, new: Any) -> None:
        torch.tanh(pre, out=new["h"])

    def backward_(self, act: torch.Tensor, state: Any, new: Any, grad: Any) -> None:
        act.copy_(grad["h"])
        grad["h"].zero_()


class Mixing(Sine):
    """A cell in which members see each other."""

    name = "mixing"

    def step(self, pre: torch.Tensor, state: Any) -> Any:
        return {"h": (pre + pre.mean(0)).tanh()}


class Detached(Sine):
    """A cell that hides a part of its step from autograd."""

    name = "detached"

    def step(self, pre: torch.Tensor, state: Any) -> Any:
        return {"h": pre.detach().tanh() + 0.1 * pre}


class Missing(Sine):
    """A cell that forgets to return a part."""

    name = "missing"

    def step(self, pre: torch.Tensor, state: Any) -> Any:
        return {"c": pre}


def test_a_sound_cell_passes() -> None:
    check_cell(Sine())


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (WrongDerivative, "per-step gradient of h differs from float64 autograd through the plain step"),
        (Mixing, "mixes members"),
        (Detached, "differs from finite differences"),
        (Missing, "a step returns the parts ['c'], declared are ['h']"),
    ],
)
def test_a_bad_cell_is_caught_with_a_clear_message(cell: Any, words: str) -> None:
    with pytest.raises(ContractError) as caught:
        check_cell(cell())
    assert words in str(caught.value)


class Losses(Figure):
    """The losses of all runs, in a row."""

    name = "losses"
    title = "Losses"
    caption = "Every run's loss."

    def draw(self, tables: Tables) -> Any:
        figure = canvas(3, 3)
        figure.subplots().plot(tables.runs.loss.astype(float).to_numpy())
        return figure


class Fragile(Losses):
    """A figure that believes in results."""

    name = "fragile"

    def draw(self, tables: Tables) -> Any:
        int(tables.runs.loss.iloc[0])
        return None


class Careless(Losses):
    """A figure that leaves its columns in the tables."""

    name = "careless"

    def draw(self, tables: Tables) -> Any:
        tables.runs["mine"] = 1
        return None


class Mute(Losses):
    """A figure that says nothing about itself."""

    name = "mute"
    caption = ""

    def draw(self, tables: Tables) -> Any:
        return "picture"


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (Fragile, ["draw of empty tables raises IndexError", "NaN raises ValueError", "infinite raises OverflowError"]),
        (Careless, ["draw changes the tables"]),
        (Mute, ["has no caption", "draw returns str"]),
    ],
)
def test_a_bad_figure_is_caught_with_a_clear_message(figure: Any, words: list[str]) -> None:
    with pytest.raises(ContractError) as caught:
        check_figure(figure())
    for each in words:
        assert each in str(caught.value)


def test_a_sound_figure_passes() -> None:
    check_figure(Losses())


class Size(Probe):
    """The size of the last state."""

    name = "size"
    adds = "columns"

    def measure(self, moment: Moment) -> pd.DataFrame:
        size = moment.states[0]["h"][:, -1].norm(dim=(1, 2))
        return pd.DataFrame({"member": range(len(size)), "last": size.tolist()})


class Crowd(Size):
    """A probe that compares members."""

    name = "crowd"

    def measure(self, moment: Moment) -> pd.DataFrame:
        found = super().measure(moment)
        return found.assign(last=found["last"] / found["last"].sum())


class Breaking(Size):
    """A probe that moves the weights."""

    name = "breaking"

    def measure(self, moment: Moment) -> pd.DataFrame:
        moment.network.flat += 1
        return super().measure(moment)


class Anonymous(Size):
    """A probe that does not say whom it measured."""

    name = "anonymous"

    def measure(self, moment: Moment) -> pd.DataFrame:
        return super().measure(moment).drop(columns="member")


class Strict(Size):
    """A probe that cannot stand what is not finite."""

    name = "strict"

    def measure(self, moment: Moment) -> pd.DataFrame:
        int(moment.network.flat.sum())
        return super().measure(moment)


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (Crowd, "mixes members"),
        (Breaking, "changes the weights"),
        (Anonymous, "column member"),
        (Strict, "measure on weights that are inf raises"),
    ],
)
def test_a_bad_probe_is_caught_with_a_clear_message(probe: Any, words: str) -> None:
    with pytest.raises(ContractError) as caught:
        check_probe(probe())
    assert words in str(caught.value)


def test_a_sound_probe_passes() -> None:
    check_probe(Size())
