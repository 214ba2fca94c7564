"""Of every experiment: runs that bear out its claim, and runs that refute it, each for one reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.plugins.registry import registry
from harness.tables.tables import Tables
from tests.helpers.claims import borne_out

Accuracies = tuple[float, ...]


@dataclass(frozen=True)
class Claim:
    """What a claim is tried on.

    Attributes:
        kinds: settings of the kinds of runs that it compares.
        holds: accuracies of the runs of each kind, of which it holds; seeds of a kind are as many as its accuracies.
        refuted: likewise, of which it does not hold.
        chance: chance level of kinds that do not say their own.
    """

    kinds: list[dict[str, Any]]
    holds: list[list[Accuracies]]
    refuted: list[list[Accuracies]]
    chance: float = 0.1


FEEDFORWARD, LINEAR, RNN, GRU, LSTM = ({"cell": cell} for cell in ("feedforward", "linear", "rnn", "gru", "lstm"))
ALL, SOME, MOST, HALF = (1.0, 1.0), (0.5, 0.5), (1.0, 1.0, 0.9), (1.0, 0.9)
"""Accuracies of runs: all solve the task, none does and none guesses, most solve it, no more than half of them do."""
GUESS, MANY = (0.1, 0.1), 8 * (1.0,)
ONCE = (0.96, *7 * (0.0,))
"""Of eight runs one solves the task: a guess on average, and beaten for certain by runs that all solve it."""

SOLVED_AGAINST_GUESSED = {
    "holds": [[ALL, GUESS], [(0.95, 0.96), (0.1, 0.13)], [ALL, (0.0, 0.0)]],
    "refuted": [[ALL, ALL], [GUESS, GUESS], [HALF, GUESS], [ALL, SOME], [ALL, (0.1, 0.5)], [MANY, ONCE]],
}
SOLVED_AGAINST_NOT = {
    "holds": [[ALL, GUESS], [ALL, (0.8, 0.85)]],
    "refuted": [[ALL, ALL], [GUESS, GUESS], [GUESS, ALL], [(1.0, 0.89), GUESS], [MANY, ONCE]],
}
ALL_SOLVE_AGAINST_NOT = {
    "holds": [[ALL, ALL, ALL, GUESS], [ALL, (0.96, 0.97), ALL, SOME]],
    "refuted": [[ALL, ALL, ALL, ALL], [ALL, HALF, ALL, SOME], [SOME, ALL, ALL, GUESS], [GUESS, GUESS, GUESS, GUESS]],
}
MOST_AGAINST_NONE = {
    "holds": [[MOST, GUESS], [ALL, GUESS]],
    "refuted": [[ALL, ALL], [GUESS, GUESS], [GUESS, ALL], [HALF, GUESS], [MANY, ONCE]],
}
SHORT_ALONE = Claim(
    [{**RNN, "seq_len": 6}, {**RNN, "seq_len": 30}],
    holds=[[ALL, GUESS], [ALL, (0.8, 0.85)]],
    refuted=[[ALL, ALL], [GUESS, GUESS], [GUESS, ALL], [HALF, GUESS], [MANY, ONCE]],
)

CLAIMS = {
    **dict.fromkeys(
        [
            "binary_addition", "binary_multiplication", "compute_sqrt", "cycle_navigation", "modular_arithmetic",
            "modular_arithmetic_brackets", "odds_first", "parity_check", "reverse_string", "stack_manipulation",
        ],
        SHORT_ALONE,
    ),
    "adding": Claim(
        [LSTM, RNN],
        holds=[[(0.80, 0.81), (0.19, 0.2)]],
        refuted=[[(0.79, 0.99), GUESS], [ALL, (0.1, 0.21)], [GUESS, GUESS], [GUESS, ALL]],
    ),
    "associative_recall": Claim(
        [{**GRU, "experiment.pairs": pairs} for pairs in (1, 4, 8)],
        holds=[[(0.9, 0.9), (0.6, 0.6), (0.4, 0.4)], [(0.7, 0.7), (0.6, 0.6), (0.5, 0.5)]],
        refuted=[
            [(0.9, 0.9), (0.4, 0.4), (0.6, 0.6)], [ALL, ALL, ALL], [(0.4, 0.4), (0.6, 0.6), (0.9, 0.9)],
            [(0.6, 0.6), (0.55, 0.55), (0.49, 0.49)],  # by more than luck, by 0.1, but not by both together
        ],
    ),
    "bucket_sort": Claim([LSTM, RNN], **SOLVED_AGAINST_NOT),
    "caption": Claim(
        [LSTM, RNN],
        holds=[[(0.6, 0.62), (0.45, 0.46)]],
        refuted=[
            [SOME, SOME], [(0.3, 0.3), (0.6, 0.6)], [(0.52, 0.52), SOME],
            [(0.6, 0.9, 0.9, 0.9), (0.61, 0.3, 0.3, 0.3)],  # one plain run is better than one with gates
        ],
    ),
    "compose": Claim([RNN, FEEDFORWARD], **SOLVED_AGAINST_GUESSED),
    "context_integration": Claim([GRU, LINEAR], **SOLVED_AGAINST_NOT),
    "copy": Claim(
        [GRU, LSTM, RNN],
        holds=[[(0.9, 0.9), (0.7, 0.7), SOME]],
        refuted=[
            [(0.52, 0.52), ALL, SOME], [ALL, (0.52, 0.52), SOME], [ALL, ALL, ALL], [GUESS, GUESS, SOME],
            [ALL, (0.6, 0.9, 0.9, 0.9), (0.61, 0.3, 0.3, 0.3)],
        ],
    ),
    "dataset": Claim(
        [GRU, FEEDFORWARD],
        holds=[[ALL, GUESS], [(0.6, 0.6), SOME]],
        refuted=[[ALL, ALL], [SOME, (0.6, 0.6)], [(0.51, 0.51), SOME], [(0.6, 0.9, 0.9, 0.9), (0.61, 0.8, 0.8, 0.8)]],
    ),
    "delayed_match": Claim([LSTM, LINEAR], **SOLVED_AGAINST_NOT),
    "digits_rows": Claim(
        [{"cell": cell, "seq_len": length} for cell in ("rnn", "lstm") for length in (8, 64)],
        holds=[[(0.9, 0.9), (0.5, 0.5), (0.939, 0.939), (0.8, 0.8)]],
        refuted=[
            [(0.9, 0.9), (0.5, 0.5), (0.941, 0.941), (0.8, 0.8)],  # the LSTM is better by more than 0.04
            [(0.9, 0.9), (0.5, 0.5), (0.9, 0.9), (0.9, 0.9)], [(0.9, 0.9), (0.9, 0.9), (0.9, 0.9), (0.5, 0.5)],
        ],
    ),
    "duplicate_string": Claim([RNN, LSTM], **SOLVED_AGAINST_NOT),
    "dyck": Claim([RNN, FEEDFORWARD], **SOLVED_AGAINST_GUESSED),
    "embedded_reber": Claim([LSTM, RNN], **MOST_AGAINST_NONE),
    "even_pairs": replace(SHORT_ALONE, kinds=[{**LSTM, "seq_len": n} for n in (6, 30)]),
    "flip_flop": Claim([RNN, GRU, LSTM, LINEAR], **ALL_SOLVE_AGAINST_NOT),
    "frequency_comparison": Claim(
        [LSTM, GRU],
        holds=[[ALL, (0.7, 0.68)], [MOST, (0.61, 0.7, 0.79)]],
        refuted=[[ALL, ALL], [ALL, (0.5, 0.5)], [ALL, (0.7, 0.85)], [HALF, (0.7, 0.7)], [(0.7, 0.7), (0.7, 0.7)]],
        chance=0.5,
    ),
    "induction": Claim(
        [{**LSTM, "experiment.any_token": any_token} for any_token in (False, True)], **SOLVED_AGAINST_NOT
    ),
    "latch": Claim(
        [{**RNN, "weight_scale": scale} for scale in (1.0, 0.5)],
        holds=[[MOST, SOME], [8 * (1.0,), (1.0, *7 * (0.5,))]],
        refuted=[[ALL, ALL], [SOME, SOME], [SOME, ALL], [HALF, SOME], [2 * MANY, MANY + 8 * (0.0,)]],
        chance=0.5,
    ),
    "missing_duplicate": Claim([LSTM, RNN], **SOLVED_AGAINST_NOT),
    "multiplication": Claim(
        [LSTM, RNN],
        holds=[[ALL, GUESS], [(0.9, 0.91), (0.5, 0.5)]],
        refuted=[[ALL, ALL], [GUESS, GUESS], [GUESS, ALL], [(1.0, 0.89), GUESS], [MANY, (0.9, *7 * (0.5,))]],
    ),
    "n_back": Claim([{**cell, "experiment.back": 1} for cell in (GRU, LINEAR)], **SOLVED_AGAINST_NOT),
    "no_memory": Claim(
        [
            {**FEEDFORWARD, "experiment.back": 0, "chance": 1.0}, {**RNN, "experiment.back": 0, "chance": 1.0},
            {**FEEDFORWARD, "experiment.back": 1}, {**RNN, "experiment.back": 1},
        ],
        holds=[[ALL, ALL, GUESS, ALL]],
        refuted=[
            [HALF, ALL, GUESS, ALL], [ALL, HALF, GUESS, ALL], [ALL, ALL, GUESS, HALF], [ALL, ALL, SOME, ALL],
            [ALL, ALL, ALL, ALL], [GUESS, GUESS, GUESS, GUESS],
        ],
    ),
    "parity": Claim(
        [{**GRU, "experiment.running": True}, {**GRU, "experiment.running": False}], **SOLVED_AGAINST_GUESSED
    ),
    "permuted_digits": Claim(
        [{**LSTM, "experiment.permuted": False}, {**LSTM, "experiment.permuted": True}],
        holds=[[(0.8, 0.8), (0.7, 0.7)]],
        refuted=[[(0.8, 0.8), (0.8, 0.8)], [(0.7, 0.7), (0.8, 0.8)], [(0.8, 0.8), (0.77, 0.77)]],
    ),
    "random_permutation": Claim(
        [{**GRU, "experiment.cue": cue} for cue in ("anywhere", "first")], **SOLVED_AGAINST_GUESSED
    ),
    "ready_set_go": Claim([LINEAR, FEEDFORWARD], **SOLVED_AGAINST_GUESSED),
    "recall_dish": Claim([{**LSTM, "weight_scale": 1.1}, {**RNN, "weight_scale": 0.9}], **MOST_AGAINST_NONE),
    "reverse_name": Claim(
        [LSTM, RNN],
        holds=[[ALL, (0.96, 0.96)]],
        refuted=[
            [ALL, (0.96, 0.94)], [ALL, GUESS], [ALL, ALL], [(0.96, 0.96), ALL], [(0.94, *7 * (1.0,)), 8 * (0.95,)],
        ],
    ),
    "sauce_order": Claim(
        [
            {**LSTM, "experiment.shuffled": False}, {**FEEDFORWARD, "experiment.shuffled": False},
            {**LSTM, "experiment.shuffled": True},
        ],
        holds=[[ALL, SOME, SOME]],
        refuted=[[HALF, SOME, SOME], [ALL, (0.7, 0.7), SOME], [ALL, SOME, (0.7, 0.7)], [ALL, ALL, ALL],
                 [SOME, SOME, SOME]],
        chance=0.5,
    ),
    "selective_copy": Claim(
        [{"cell": cell, "experiment.scattered": far} for cell in ("linear", "gru") for far in (False, True)],
        holds=[[ALL, SOME, ALL, ALL]],
        refuted=[
            [HALF, SOME, ALL, ALL], [MANY, ONCE, ALL, ALL], [ALL, SOME, HALF, ALL], [ALL, SOME, ALL, HALF],
            [ALL, ALL, ALL, ALL], [GUESS, GUESS, GUESS, GUESS],
        ],
    ),
    "sentiment": Claim(
        [LSTM, RNN],
        holds=[[ALL, (0.92, 0.92)], [(0.95, 0.96), SOME]],
        refuted=[[ALL, (0.955, 0.955)], [(0.94, 1.0), SOME], [ALL, ALL], [SOME, SOME], [SOME, ALL]],
        chance=0.5,
    ),
    "sine_to_cosine": Claim([GRU, FEEDFORWARD], **SOLVED_AGAINST_GUESSED),
    "solve_equation": Claim([LSTM, RNN], **SOLVED_AGAINST_GUESSED),
    "temporal_order": Claim(
        [LSTM, RNN],
        holds=[[MOST, GUESS], [ALL, (0.1, 0.13)]],
        refuted=[[ALL, ALL], [GUESS, GUESS], [HALF, GUESS], [ALL, (0.2, 0.2)], [MANY, ONCE]],
    ),
    "translate": Claim([LSTM, RNN], **SOLVED_AGAINST_NOT),
    "write_text": Claim(
        [RNN, FEEDFORWARD],
        holds=[[(0.412, 0.43), (0.3, 0.3)], [SOME, (0.41, 0.4)]],
        refuted=[[(0.409, 0.5), (0.3, 0.3)], [SOME, (0.411, 0.411)], [SOME, SOME], [(0.3, 0.3), (0.3, 0.3)]],
        chance=0.4,
    ),
    "xor": Claim([GRU, LINEAR], **SOLVED_AGAINST_NOT),
}  # fmt: skip
"""For all but those of `OF_GRADIENTS`."""

OF_GRADIENTS = {"forecast", "weight_product"}
"""Experiments whose claims are of gradients; see their own tests."""


def made(name: str, every: list[Accuracies]) -> pd.DataFrame:
    """The table of runs of an experiment, from the accuracies of every kind of runs."""
    solved_at = registry().get("experiment", name).solved_at
    common = {"experiment": name, "variant": "", "seq_len": 20, "weight_scale": 1.0, "status": "ok",
              "eval_samples": 512, "chance": CLAIMS[name].chance, "grad_ratio": 1.0}  # fmt: skip
    rows = [
        {**common, **kind, "seed": seed, "accuracy": accuracy}
        for kind, accuracies in zip(CLAIMS[name].kinds, every, strict=True)
        for seed, accuracy in enumerate(accuracies)
    ]
    runs = pd.DataFrame(rows).assign(run_id=[str(number) for number in range(len(rows))])
    errors = np.sqrt(runs.accuracy * (1 - runs.accuracy) / (runs.eval_samples - 1))
    return runs.assign(solved=(runs.accuracy >= solved_at).astype("boolean"), accuracy_se=errors)


def cases(right: bool) -> list[Any]:
    """Every claim with each of the outcomes that bear it out, or refute it."""
    return [
        pytest.param(name, every, id=f"{name}: {' '.join(map(str, every))}")
        for name, claim in CLAIMS.items()
        for every in (claim.holds if right else claim.refuted)
    ]


def test_every_experiment_has_outcomes_that_bear_out_its_claim_and_some_that_refute_it() -> None:
    assert {*CLAIMS} | OF_GRADIENTS == {*registry().names("experiment")}
    for name, claim in CLAIMS.items():
        assert claim.holds, name
        assert len(claim.refuted) >= 3, name


@pytest.mark.parametrize(("name", "every"), cases(right=True))
def test_a_claim_is_borne_out_by_what_it_says(name: str, every: list[Accuracies]) -> None:
    experiment = registry().get("experiment", name)
    runs = made(name, every)
    assert borne_out(experiment, Tables({"runs": runs})) is True
    first = runs.iloc[: len(every[0])]
    assert borne_out(experiment, Tables({"runs": first})) is None, "one kind of runs compares nothing"


@pytest.mark.parametrize(("name", "every"), cases(right=False))
def test_a_claim_is_refuted_by_anything_less(name: str, every: list[Accuracies]) -> None:
    assert borne_out(registry().get("experiment", name), Tables({"runs": made(name, every)})) is False
