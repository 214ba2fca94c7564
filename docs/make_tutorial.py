"""Makes ``docs/tutorial.md``: ``python docs/make_tutorial.py``. Runs its sweeps first, some minutes on 2 cores.

Every number and picture comes from their tables.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

import harness
from harness.api.results import Results
from harness.report.rendering import styled

DOCS = Path(__file__).parent
PICTURES = DOCS / "tutorial"

LONG = 100
"""Steps of the sentences that decide."""

SWEEPS: dict[str, dict[str, Any]] = {
    "one": {"cell": "linear", "hidden_size": 1, "init": "identity", "seq_len": LONG, "weight_scale": [0.9, 1.0, 1.1],
            "train": {"steps": 0}},
    "many": {"cell": "linear", "seq_len": LONG, "weight_scale": [0.9, 1.0, 1.1], "train": {"steps": 0}},
    "tanh": {"cell": "rnn", "seq_len": LONG, "weight_scale": [0.9, 1.0, 1.1], "train": {"steps": 0}},
    "trained": {"cell": "rnn", "weight_scale": 0.9, "seq_len": [20, 60, LONG]},
    "gates": {"cell": "lstm", "lstm.forget_bias": [-1, 0, 1, 2], "seq_len": LONG, "train": {"steps": 0}},
    "lstm": {"cell": "lstm", "seq_len": [20, 60, LONG]},
}  # fmt: skip
SEEDS = range(20, 25)

TEXT = """\
# From 0.9 to 1.1 to LSTM

"Today I make braised ribs. First I prepare the ribs, then … and at last the dish is ready." Which dish? A recurrent
network that is asked this at the end has to carry the first words through every later step; and while it learns, the
error of its answer has to be carried all the way back. Six steps show what happens to it on this way. Each is one
command (or one line of Python), and every number below comes from its tables: {seeds} seeds each, {first} to {last}.

Pictures show the *gradient norm* against the *lag*, the distance back from the answer: read them from left to right as
the error travels back in time.

## 1. One number, 0.9

The smallest recurrent network has a single unit and no bend in it: s_t = w · s_(t-1) + input. Every step back
multiplies the error by w.

```
{one_command}
```

![A linear network of one unit](tutorial/one.png)

With w = 0.9 each step back multiplies the gradient by {one_09}: a straight line down on a logarithmic scale. At the
word that names the dish, {cue} steps before the answer, {one_reached} of it is left, which is 0.9^{cue}. The word is
there; the network cannot learn from it. This is the **vanishing gradient**.

## 2. One number, 1.1

The same picture shows w = 1.1. Each step multiplies by {one_11}, and at the dish {one_grown} times what the answer
received arrives: the **exploding gradient**. Only at exactly 1 nothing is lost and nothing grows. Many units change
little:

```
{many_command}
```

![A linear network of 32 units](tutorial/many.png)

32 units with an orthogonal matrix, times 0.9, 1 or 1.1, have the factors {many_factors}. `weight_scale` is this number.

## 3. A bend: tanh

A plain RNN puts what it has summed through tanh, whose slope is at most 1. So every step back multiplies by the weights
*and* by these slopes:

```
{tanh_command}
```

![A plain RNN](tutorial/tanh.png)

The factors fall to {tanh_factors}. Too large weights no longer explode so easily; but what saturates forgets.

## 4. What it means for learning

Train the RNN that starts at 0.9, on sentences of 20, 60 and {long} steps:

```
{trained_command}
```

![Right answers after training, by length](tutorial/trained.png)

{trained_right} Guessing gives {chance:.1%}. Nothing about the question has changed but its distance.

## 5. A gate that keeps

An LSTM carries its memory c along a way of its own: c_t = f · c_(t-1) + …, with a *forget gate* f between 0 and 1 that
the network itself computes. The factor of each step back is f, no weight and no slope, and where it starts is a bias
that one can choose: sigmoid(0) = 0.5, sigmoid(2) = 0.88.

```
{gates_command}
```

![LSTMs by the bias of their forget gate](tutorial/gates.png)

The factors before training: {gates_factors}. They are larger than f alone: c also
comes back by a second way, through h and the gates.

## 6. The path stays open

The same budget as in step 4, for an LSTM as it comes: forget bias 1, weight scale 1.

```
{lstm_command}
```

![Gradient while an LSTM learns](tutorial/lstm.png)

{lstm_right}

The picture shows one of these runs at {long} steps while it learns: training to the right, time in the sentence
upwards, bright is much gradient. A way opens down to the first words; once the answers are right, the loss is small,
and with it every gradient.

## Where to go from here

- `make demo` puts these cells side by side, and its report says what came of it.
- [cells.md](cells.md): eighty other answers to the same question.
- [questions.md](questions.md): why a GRU seems to be so bad at it, and others.
- [python.md](python.md): the same measurement in a training loop of your own.
"""


def main() -> None:
    """Run the sweeps, write the page and its pictures."""
    mpl.use("agg")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        found = {
            name: harness.sweep(settings, seed=SEEDS, directory=Path(folder) / name)
            for name, settings in SWEEPS.items()
        }
        for name, results in found.items():
            trained = {"trained": "accuracy_map", "lstm": "gradient_over_training"}
            save(name, results, trained.get(name, "gradient_profile_init"))
        (DOCS / "tutorial.md").write_text(TEXT.format(**words(found)), "utf-8")


def words(found: Mapping[str, Results]) -> dict[str, Any]:
    """What the text says with numbers."""
    one = found["one"].runs.groupby("weight_scale")
    rate, reached = np.exp(one.decay_rate_init.median()), one.grad_ratio_init.median()
    return {
        **{f"{name}_command": typed(settings) for name, settings in SWEEPS.items()},
        "seeds": len(SEEDS), "first": SEEDS[0], "last": SEEDS[-1], "long": LONG, "cue": LONG - 3,
        "chance": found["trained"].runs.chance.iloc[0],
        "one_09": f"{rate[0.9]:.4g}", "one_11": f"{rate[1.1]:.4g}",
        "one_reached": f"{reached[0.9]:.2g}", "one_grown": f"{reached[1.1]:,.0f}",
        "many_factors": factors(found["many"].runs, "weight_scale"),
        "tanh_factors": factors(found["tanh"].runs, "weight_scale"),
        "gates_factors": factors(found["gates"].runs, "cell.forget_bias"),
        "trained_right": right(found["trained"].runs), "lstm_right": right(found["lstm"].runs),
    }  # fmt: skip


def typed(settings: Mapping[str, Any]) -> str:
    """A sweep as one types it."""
    pairs = pd.json_normalize({**settings, "seed": list(SEEDS)}).iloc[0].to_dict()
    said = {key: ",".join(map(str, value)) if isinstance(value, list) else value for key, value in pairs.items()}
    return "python -m harness -m " + " ".join(f"{key}={value}" for key, value in said.items())


def factors(runs: pd.DataFrame, by: str) -> str:
    """What each step back multiplies the gradient by, before training, for each value of a setting."""
    found = np.exp(runs.groupby(by).decay_rate_init.median().astype(float))
    return ", ".join(f"{value:.3f} at {setting:g}" for setting, value in found.items())


def right(runs: pd.DataFrame) -> str:
    """How many of the runs solve the task at each length, and the share of right answers."""
    groups = runs.groupby("seq_len").agg(solved=("solved", "sum"), runs=("solved", "size"), right=("accuracy", "mean"))
    said = [
        f"{row.right:.1%} right at {length} steps ({row.solved:.0f} of {row.runs:.0f} runs solve it)"
        for length, row in groups.iterrows()
    ]
    return f"On average {', '.join(said[:-1])} and {said[-1]}."


def save(name: str, results: Results, figure: str) -> None:
    """Save one of the results' figures as a picture of the page."""
    with styled():
        results.figure(figure).savefig(PICTURES / f"{name}.png", dpi=100)


if __name__ == "__main__":
    main()
