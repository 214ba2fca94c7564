"""How often something is said of results in which there is nothing: ``python -m tests.analysis.null_simulations``.

Every function makes up results under which a sentence would be wrong, and returns the share in which it is said.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from harness.analysis.accuracy import threshold
from harness.analysis.claims import Kind
from harness.analysis.conditions import by_condition
from harness.analysis.ranks import rank_correlation
from harness.measure.measurement import standard_error


def guessing(
    repeats: int, chance: float, samples: int, answers: int = 1, alike: float = 0.0, seeds: int = 3, copies: int = 1
) -> tuple[float, float]:
    """Runs that guess: how often they are said to be above chance, and how often as surely below.

    Args:
        samples: held-out samples of a run.
        answers: of a sample.
        alike: the share of samples of which all answers are equal, right or wrong: the others are independent.
        copies: runs of one seed that answer the same samples in the same way.
    """
    rng = np.random.default_rng(0)
    shape = (repeats * seeds, samples)
    each = rng.binomial(answers, chance, shape)
    all_alike = answers * (rng.random(shape) < chance)
    right = torch.from_numpy(np.where(rng.random(shape) < alike, all_alike, each)).double()
    judged = torch.full_like(right, answers)
    accuracy = right.sum(1) / judged.sum(1)
    runs = pd.DataFrame(
        {
            "cell": np.repeat([f"cell {repeat}" for repeat in range(repeats)], seeds), "seq_len": 10,
            "weight_scale": 1.0, "seed": np.tile(np.arange(seeds), repeats), "chance": chance, "solved": False,
            "accuracy": accuracy, "accuracy_se": standard_error(right, judged, accuracy), "eval_samples": samples,
            "decay_rate_init": 0.0, "decay_rate": 0.0, "verdict_init": "stable",
            "verdict": "stable", "grad_ratio_init": 1.0, "has_memory": True,
        }
    )  # fmt: skip
    runs = pd.concat([runs] * copies, ignore_index=True)
    groups = by_condition(runs.assign(run_id=runs.index.astype(str)))
    below = groups.accuracy < groups.chance - threshold(groups.freedom) * groups.accuracy_se
    return float((~groups.guessing).mean()), float(below.mean())


def correlation(
    repeats: int, settings: int, lengths: int, single_lengths: int = 0, seeds: int = 3, level: float = 0.01
) -> tuple[float, float]:
    """Settings whose gradient and accuracy have nothing to do with each other, but each its own effect on all seeds.

    Args:
        single_lengths: further lengths at which one setting alone was run.

    Returns:
        The mean of the rank correlation, and how often its p value is at most ``level``.
    """
    rng = np.random.default_rng(0)
    found = []
    places = [(setting, length) for length in range(lengths) for setting in range(settings)]
    places += [(0, lengths + length) for length in range(single_lengths)]
    rows = pd.DataFrame(
        [(*place, seed) for place in places for seed in range(seeds)], columns=["weight_scale", "seq_len", "seed"]
    )
    for _ in range(repeats):
        noise = rng.standard_normal((2, len(rows)))
        own = rng.standard_normal((2, settings))[:, rows.weight_scale]
        harder = -rows.seq_len.to_numpy()
        one, other = own + 0.3 * noise + harder
        result = rank_correlation(rows.assign(cell="rnn", variant="", one=one, other=other), "one", "other")
        assert result is not None
        found.append((result.rho, result.p <= level))
    return float(np.mean([rho for rho, _ in found])), float(np.mean([said for _, said in found]))


def claims(repeats: int, runs: tuple[int, int], lengths: int = 1, spread: float = 0.1) -> float:
    """Two kinds of runs that do equally well: how often the first beats the second at one of several lengths.

    Args:
        runs: how many of either kind.
        spread: standard deviation of the accuracy from run to run.
    """
    rng = np.random.default_rng(0)

    def kind(count: int, accuracy: NDArray[np.float64]) -> Kind:
        sampled = rng.binomial(512, accuracy.clip(0, 1)) / 512
        made = pd.DataFrame({"seed": np.arange(count), "run_id": np.arange(count), "accuracy": sampled})
        return Kind(
            made.assign(accuracy_se=np.sqrt(sampled * (1 - sampled) / 511), eval_samples=512, chance=0.1), lengths
        )

    found = [
        any(
            kind(runs[0], rng.normal(0.5, spread, runs[0])).beats(kind(runs[1], rng.normal(0.5, spread, runs[1])))
            for _ in range(lengths)
        )
        for _ in range(repeats)
    ]
    return float(np.mean(found))


def main() -> None:
    """Print all rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=4000)
    repeats = parser.parse_args().repeats
    for words, case in {
        "one answer, chance 1/8": {"chance": 1 / 8, "samples": 512},
        "one answer, chance 1/64": {"chance": 1 / 64, "samples": 512},
        "one answer, chance 1/2, one seed": {"chance": 1 / 2, "samples": 512, "seeds": 1},
        "20 answers, half of the samples all alike": {"chance": 1 / 2, "samples": 512, "answers": 20, "alike": 0.5},
        "5 sequences of 1000 answers, all alike in part": {
            "chance": 0.53, "samples": 5, "answers": 1000, "alike": 0.2, "seeds": 1,
        },
        "three runs of each seed that answer alike": {"chance": 1 / 8, "samples": 512, "copies": 3},
    }.items():  # fmt: skip
        above, below = guessing(repeats, **case)
        print(f"guessing, {words}: said to be above {above:.2%}, below {below:.2%}")
    for settings, lengths, single in ((5, 1, 0), (9, 3, 0), (9, 3, 6)):
        rho, said = correlation(max(50, repeats // 20), settings, lengths, single)
        words = f"{settings} settings, {lengths} lengths, {single} more of one setting"
        print(f"rank correlation, {words}: mean {rho:.3f}, said {said:.2%}")
    for runs, count in (((2, 2), 1), ((4, 2), 3), ((6, 3), 3)):
        print(f"claims, {runs} runs, {count} lengths: said {claims(max(50, repeats // 4), runs, count):.2%}")


if __name__ == "__main__":
    main()
