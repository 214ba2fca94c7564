"""The contract of experiments."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

from harness.batch import Batch
from harness.experiment import Experiment, Sample, Verdict
from harness.outputs import Classes, Labels, Outputs
from harness.run import run
from harness.seeds import stream
from harness.settings import PACKED, Settings, described
from harness.tables import Tables
from harness.testing._problems import Problems, check_registration, possible_length, small_runs

MEMORYLESS_STEPS = 400
"""Training steps of the network without memory, enough for what can be learned from single inputs."""

MEMORYLESS_SEEDS = 3

LEAST_MARGIN = 0.02
"""Smallest difference of accuracies, and of losses relative to the loss, that is taken for more than luck."""


def check_experiment(experiment: Experiment, seq_len: int | None = None, steps: int = MEMORYLESS_STEPS) -> None:
    """Check an experiment against everything that the harness relies on.

    Its name, claim and documented options; shapes, dtypes and ranges of what it draws, at two lengths; that nothing
    but the given generator is drawn from; that what is fed back is what was answered; that a network without memory
    gets to the stated chance level (and loss), and not above it; that samples, claim and artefacts can be made.

    Args:
        experiment: an instance, with the options to check it at.
        seq_len: the length to train at; not given: the experiment's default, else a short one.
        steps: training steps of the network without memory. 0 leaves that check out.

    Raises:
        ContractError: one line per problem.
    """
    problems = Problems("experiment", experiment)
    check_registration(problems, type(experiment))
    problems.unless(isinstance(getattr(experiment, "claim", None), str), "has no claim")
    _check_settings(problems, experiment)
    lengths = [possible_length(experiment) if seq_len is None else seq_len]
    lengths += [longer for longer in [2 * lengths[0]] if not experiment.refuses(longer)]
    for length in lengths:
        with problems.during(f"at seq_len={length}, drawing a batch"):
            _check_batches(problems, experiment, length)
    if not problems.found:
        _check_show(problems, experiment, lengths[0])
    if not problems.found:
        _check_runs(problems, experiment, lengths[0], steps)
    problems.report()


def _check_settings(problems: Problems, experiment: Experiment) -> None:
    known = {key for key, _ in described(Settings)} | {"cell", "seq_len", *PACKED}
    options = {f"experiment.{key}" for key in type(experiment).model_fields}
    for where, keys in (("defaults", experiment.defaults), ("sweep", experiment.sweep)):
        allowed = known if where == "defaults" else known | options
        for key in keys:
            problems.unless(
                key in allowed or key.startswith(("cell.", "probes", "hydra.")),
                f"{where} has {key!r}, which is no setting" + (" to start from" if where == "defaults" else ""),
            )


def _check_batches(problems: Problems, experiment: Experiment, seq_len: int) -> None:
    length = experiment.windows * seq_len
    own = type(experiment).held_out is not Experiment.held_out
    for draw in (experiment.sample, experiment.held_out) if own else (experiment.sample,):
        before = _global_randomness()
        batch = draw(stream(0, "contract"), 6, length)
        again = draw(stream(0, "contract"), 6, length)
        other = draw(stream(1, "contract"), 6, length)
        name = draw.__name__
        problems.unless(_equal(batch, again), f"{name} is not reproducible from its generator")
        if experiment.windows == 1:  # a long stream may be the same for all
            problems.unless(not _equal(batch, other), f"{name} does not depend on its generator")
        problems.unless(
            before == _global_randomness(), f"{name} draws from a global random generator; valid: rng alone"
        )
        _check_batch(problems, experiment, batch, name, length)
        batch.windows(experiment.windows)
    chance, loss = experiment.chance(seq_len), experiment.chance_loss(seq_len)
    problems.unless(0 <= chance <= 1, f"chance({seq_len}) = {chance}; valid: a share from 0 to 1")
    problems.unless(loss is None or 0 <= loss < np.inf, f"chance_loss({seq_len}) = {loss}; valid: 0 or more, or None")


def _check_batch(problems: Problems, experiment: Experiment, batch: Batch, name: str, length: int) -> None:
    inputs, targets, meaning = batch.inputs, batch.targets, experiment.outputs
    problems.unless(
        inputs.shape[:2] == (6, length), f"{name}: inputs of shape {inputs.shape}; asked for (6, {length}, …)"
    )
    if inputs.ndim == 2:
        if problems.unless(
            inputs.dtype.kind in "iu", f"{name}: tokens of {inputs.dtype}; valid: whole numbers, or vectors (B, T, F)"
        ):
            problems.unless(
                inputs.min() >= 0 and inputs.max() < experiment.input_size,
                f"{name}: tokens from {inputs.min()} to {inputs.max()}; valid: 0 to {experiment.input_size - 1}",
            )
    else:
        problems.unless(
            inputs.shape[2] == experiment.input_size,
            f"{name}: vectors of length {inputs.shape[2]}, but input_size is {experiment.input_size}",
        )
        problems.unless(
            inputs.dtype.kind == "f" and np.isfinite(inputs).all(),
            f"{name}: vectors of {inputs.dtype}, not all finite real numbers",
        )
    _check_targets(problems, meaning, targets, name)
    problems.unless(batch.mask.any(axis=1).all(), f"{name}: a sample has no scored output (mask)")
    problems.unless(batch.judged.any(), f"{name}: no output counts in the accuracy (judged)")
    if (feedback := experiment.feedback) is not None and targets.shape[1] > 1:
        steps = batch.scored
        if not problems.unless(
            (np.diff(steps) == 1).all(), f"{name}: with feedback, scored steps must be consecutive, not {steps}"
        ):
            return
        fed, answers, counts = inputs[:, steps[1:] - 1], targets[:, :-1], batch.mask[:, 1:]
        said = fed - feedback if fed.ndim == 2 else fed[..., feedback : feedback + meaning.size].argmax(-1)
        problems.unless(
            (said == answers)[counts].all(),
            f"{name}: with feedback, the input of an answer step must be the answer before it (feedback + class)",
        )


def _check_targets(problems: Problems, meaning: Outputs, targets: Any, name: str) -> None:
    shape = ", ".join(["B", "S", *map(str, meaning.extra)])
    if not problems.unless(
        targets.shape[2:] == meaning.extra,
        f"{name}: targets of shape {targets.shape}; valid for {meaning}: ({shape})",
    ):
        return
    if meaning.dtype == "f":
        problems.unless(
            targets.dtype.kind == "f" and np.isfinite(targets).all(),
            f"{name}: targets of {targets.dtype}; valid for {meaning}: finite real numbers",
        )
        return
    top = meaning.n - 1 if isinstance(meaning, Classes) else 1 if isinstance(meaning, Labels) else None
    good = targets.dtype.kind in "iub" and targets.min() >= 0 and (top is None or targets.max() <= top)
    problems.unless(
        good,
        f"{name}: targets of {targets.dtype} from {targets.min()} to {targets.max()}; valid for {meaning}: "
        f"whole numbers from 0 to {top}",
    )


def _check_runs(problems: Problems, experiment: Experiment, seq_len: int, steps: int) -> None:
    """Train the network without memory, and let the experiment speak of the results."""
    from harness.plugins import registry  # plugins are found when asked for, not when this is imported

    feedforward = registry().get("cell", "feedforward")()
    with problems.during(f"at seq_len={seq_len}, a run without memory"):
        made = small_runs(
            experiment, feedforward, seq_len=seq_len, hidden_size=64, seed=[*range(MEMORYLESS_SEEDS)],
            **{"train.steps": steps, "train.batch_size": 64, "train.lr": 0.01, "probe.every": max(steps, 1)},
        )  # fmt: skip
        found = Tables(run(made))
        runs = found.runs
        problems.unless((runs.status == "ok").all(), f"the run without memory ended {set(runs.status)}")
        if steps:
            _check_chance(problems, experiment, seq_len, found)
        _check_words(problems, experiment, found)


def _check_chance(problems: Problems, experiment: Experiment, seq_len: int, tables: Tables) -> None:
    runs, chance, loss = tables.runs, experiment.chance(seq_len), experiment.chance_loss(seq_len)
    got, error = runs.accuracy.mean(), np.sqrt(chance * (1 - chance) / runs.eval_samples.sum())
    margin = max(LEAST_MARGIN, 5 * float(error))
    seen = f"a network without memory reaches an accuracy of {got:.3f} at seq_len={seq_len}"
    problems.unless(
        got <= chance + margin,
        f"{seen}, chance is stated as {chance:.3f}: the answer leaks through single inputs, or chance is too low",
    )
    if experiment.exact_chance:
        problems.unless(
            got >= chance - margin,
            f"{seen}, chance is stated as {chance:.3f}: it is too high (or only a bound: exact_chance = False)",
        )
    if loss is not None:
        reached = runs.loss.mean()
        problems.unless(
            reached >= loss * (1 - 5 * LEAST_MARGIN) - 1e-3,
            f"a network without memory reaches a loss of {reached:.4f}, below the stated chance_loss {loss:.4f}",
        )


def _check_show(problems: Problems, experiment: Experiment, seq_len: int) -> None:
    """Samples in words, whatever the outputs are."""
    batch = experiment.held_out(stream(0, "contract"), 2, experiment.windows * seq_len)
    for name, fill in (("zeros", 0.0), ("NaN", np.nan), ("inf", np.inf)):
        with problems.during(f"show of outputs that are {name}"):
            shown = experiment.show(batch, 0, np.full((len(batch.scored), experiment.outputs.size), fill))
            problems.unless(
                shown is None
                or (isinstance(shown, Sample) and all(isinstance(each, str) for each in vars(shown).values())),
                f"show returns {shown!r}; valid: a Sample of texts, or None",
            )
    if experiment.continuation is not None:
        with problems.during("show_continued"):
            tokens = np.arange(3) % experiment.outputs.size
            shown = experiment.show_continued(tokens, tokens)
            problems.unless(isinstance(shown, Sample), f"show_continued returns {shown!r}; valid: a Sample")


def _check_words(problems: Problems, experiment: Experiment, tables: Tables) -> None:
    """The claim and the artefacts, from tables that may hold nothing to judge by."""
    empty = Tables({name: frame.head(0) for name, frame in tables.items()})
    for words, each in (("these tables", tables), ("empty tables", empty)):
        with problems.during(f"bears_out of {words}"):
            verdict = type(experiment).bears_out(each)
            problems.unless(
                verdict is None or isinstance(verdict, Verdict),
                f"bears_out returns {verdict!r}; valid: Verdict or None",
            )
        with problems.during(f"artefacts of {words}"):
            files = type(experiment).artefacts(each)
            problems.unless(
                all(isinstance(key, str) and isinstance(value, bytes) for key, value in files.items()),
                "artefacts returns something else than a dictionary from names to bytes",
            )


def _equal(one: Batch, other: Batch) -> bool:
    return all(np.array_equal(value, vars(other)[key]) for key, value in vars(one).items())


def _global_randomness() -> tuple[Any, ...]:
    state: Any = np.random.get_state()  # noqa: NPY002 -- to see that nobody uses it
    return random.getstate(), state[1].tolist(), state[2], torch.get_rng_state().tolist()
