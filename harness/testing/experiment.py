"""The contract of experiments."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import torch

from harness.base.seeds import stream
from harness.plugins.registry import registry
from harness.settings.members import PACKED
from harness.settings.settings import Settings, described
from harness.tables.tables import Tables
from harness.tasks.batch import Batch
from harness.tasks.experiment import Experiment, Sample, Verdict
from harness.tasks.faults import faults
from harness.testing._claims import worlds
from harness.testing._counting import counted_chance
from harness.testing._lengths import check_every_length
from harness.testing._padding import AFTER, BEFORE, SILENCE, padded_after, padded_before
from harness.testing._problems import COMPILED, Problems, check_registration, possible_length, small_runs
from harness.testing.figure import small_tables
from harness.training.pack import run

SAMPLES = 200
"""Samples of a batch in which faults are looked for: enough for one that shows in a sample of fifty."""

MEMORYLESS_STEPS = 400
"""Training steps of the network without memory, enough for what can be learned from single inputs."""

MEMORYLESS_SEEDS = 3

LEAST_MARGIN = 0.02
"""Smallest difference of accuracies that is taken for more than luck."""

LOSS_MARGIN = 0.1
"""Likewise of losses, relative to the loss."""

COUNTED_ERRORS = 4
"""So many standard errors may lie between a stated chance level, or its loss, and one that was counted."""

COUNTED_LOSS_MARGIN = 0.01
"""By so much more, relative to the loss, as the counted shares of rare answers are not exact."""


def check_experiment(experiment: Experiment, seq_len: int | None = None, steps: int = MEMORYLESS_STEPS) -> None:
    """Check an experiment against everything that the harness relies on.

    Its name, claim and documented options; shapes, dtypes and ranges of what it draws, at two lengths and at the
    shortest; that it can be drawn at all short lengths that it does not refuse; that it draws from the given
    generator alone; that padding is declared; that what is fed back is what was answered; that what can be answered
    without memory is the stated chance level (and loss), and not above it: the best table from a token to an answer
    is counted, and where inputs are no tokens, answers no classes, or answers are fed back, a network without
    memory is trained; that samples, claim and artefacts can be made; that some results refute the claim.

    Args:
        experiment: an instance, with the options to check it at.
        seq_len: the length to train at; not given: the experiment's default, else a short one.
        steps: training steps of the network without memory, where one is trained. 0 leaves that out.

    Raises:
        ContractError: one line per problem.

    Warns:
        UserWarning: samples are padded on the left (no number that is counted from answers is wrong then, and it cannot
            be declared), or perhaps on the right. What is surely padding on the right can be declared, and is refused.
    """
    problems = Problems("experiment", experiment)
    check_registration(problems, type(experiment))
    _check_settings(problems, experiment)
    length = possible_length(experiment) if seq_len is None else seq_len
    others = {2 * length, experiment.min_seq_len()} - {length}
    lengths = [length, *(each for each in sorted(others) if not experiment.refuses(each))]
    for length in lengths:
        with problems.during(f"at seq_len={length}, drawing a batch"):
            _check_batches(problems, experiment, length)
    check_every_length(problems, experiment)
    counted = False
    if not problems.found:
        for length in lengths:
            with problems.during(f"at seq_len={length}, counting what single tokens say of the answer"):
                counted = _check_counted(problems, experiment, length)
    if not problems.found:
        _check_show(problems, experiment, lengths[0])
    if steps and not counted and not problems.found:
        _check_trained(problems, experiment, lengths[0], steps)
    if not problems.found:
        _check_results(problems, experiment)
    problems.report()


def _check_settings(problems: Problems, experiment: Experiment) -> None:
    for cell in _cells(experiment):
        problems.unless(cell in registry().names("cell"), f"sweep has the cell {cell!r}, which is none")
    known = {key for key, _ in described(Settings)} | {"cell", "seq_len", *PACKED}
    options = {f"experiment.{key}" for key in type(experiment).model_fields}
    for where, keys in (("defaults", experiment.defaults), ("sweep", experiment.sweep)):
        allowed = known if where == "defaults" else known | options
        for key in keys:
            problems.unless(
                key in allowed or key.startswith(("cell.", "probes", "hydra.")),
                f"{where} has {key!r}, which is no setting" + (" to start from" if where == "defaults" else ""),
            )


def _cells(experiment: Experiment) -> list[str]:
    """The cells of its own sweep."""
    return [name.strip() for name in str(experiment.sweep.get("cell", "")).split(",") if name.strip()]


def _check_batches(problems: Problems, experiment: Experiment, seq_len: int) -> None:
    length = experiment.windows * seq_len
    own = type(experiment).held_out is not Experiment.held_out
    for draw in (experiment.sample, experiment.held_out) if own else (experiment.sample,):
        before = _global_randomness()
        batch = draw(stream(0, "contract"), SAMPLES, length)
        again = draw(stream(0, "contract"), SAMPLES, length)
        other = draw(stream(1, "contract"), SAMPLES, length)
        name = draw.__name__
        problems.unless(_equal(batch, again), f"{name} is not reproducible from its generator")
        if experiment.windows == 1:  # a long stream may be the same for all
            problems.unless(not _equal(batch, other), f"{name} does not depend on its generator")
        problems.unless(
            before == _global_randomness(), f"{name} draws from a global random generator; valid: rng alone"
        )
        if found := [f"{name}: {fault}" for fault in faults(experiment, batch, (SAMPLES, length))]:
            for problem in found:
                problems.add(problem)
            continue
        _check_feedback(problems, experiment, batch, name)
        if experiment.windows == 1:
            padding = padded_after(batch)
            problems.unless(padding != AFTER, f"{name}: {padding}")
            for doubtful in ([SILENCE] if padding == SILENCE else []) + ([BEFORE] if padded_before(batch) else []):
                warnings.warn(f"{problems.who}: {name}: {doubtful}", stacklevel=3)
        batch.windows(experiment.windows)
    chance, loss = experiment.chance(seq_len), experiment.chance_loss(seq_len)
    problems.unless(0 <= chance <= 1, f"chance({seq_len}) = {chance}; valid: a share from 0 to 1")
    problems.unless(loss is None or 0 <= loss < np.inf, f"chance_loss({seq_len}) = {loss}; valid: 0 or more, or None")


def _check_feedback(problems: Problems, experiment: Experiment, batch: Batch, name: str) -> None:
    """Whether what is fed back is what was answered."""
    feedback, steps = experiment.feedback, batch.scored
    if feedback is None or len(steps) < 2:
        return
    if batch.lengths is None and not problems.unless(
        (np.diff(steps) == 1).all(), f"{name}: with feedback, scored steps must be consecutive, not {steps}"
    ):
        return
    fed, answers = batch.inputs[:, steps[1:] - 1], batch.targets[:, :-1]
    counts = batch.mask[:, 1:] & batch.asked[:, :-1]
    size = experiment.outputs.size
    said = fed - feedback if fed.ndim == 2 else fed[..., feedback : feedback + size].argmax(-1)
    problems.unless(
        (said == answers)[counts].all(),
        f"{name}: with feedback, the input of an answer step must be the answer before it (feedback + class)",
    )


def _check_trained(problems: Problems, experiment: Experiment, seq_len: int, steps: int) -> None:
    """The stated chance level against what a network without memory learns."""
    feedforward = registry().get("cell", "feedforward")()
    with problems.during(f"at seq_len={seq_len}, a run without memory"):
        made = small_runs(
            experiment, feedforward, seq_len=seq_len, hidden_size=64, seed=[*range(MEMORYLESS_SEEDS)],
            **COMPILED, **{"train.steps": steps, "train.batch_size": 64, "train.lr": 0.01, "probe.every": steps},
        )  # fmt: skip
        runs, chance = run(made)["runs"], experiment.chance(seq_len)
        problems.unless((runs.status == "ok").all(), f"the run without memory ended {set(runs.status)}")
        error = np.sqrt(chance * (1 - chance) / runs.eval_samples.sum())
        who, margin = "a network without memory", max(LEAST_MARGIN, 5 * float(error))
        _check_chance(problems, experiment, seq_len, who, runs.accuracy.mean(), margin)
        _check_loss(problems, experiment, seq_len, who, runs.loss.mean(), LOSS_MARGIN)


def _check_counted(problems: Problems, experiment: Experiment, seq_len: int) -> bool:
    """The stated chance level against one that is counted; whether that can be done. It is surer than any training."""
    if (found := counted_chance(experiment, seq_len)) is None:
        return False
    who = "the best table from a token to an answer"
    _check_chance(problems, experiment, seq_len, who, found.accuracy, COUNTED_ERRORS * found.accuracy_error + 1e-6)
    luck = COUNTED_ERRORS * found.loss_error / max(found.loss, 1e-9)
    _check_loss(problems, experiment, seq_len, who, found.loss, COUNTED_LOSS_MARGIN + luck)
    return True


def _check_chance(
    problems: Problems, experiment: Experiment, seq_len: int, who: str, got: float, margin: float
) -> None:
    """What somebody without memory is right in, against what is stated."""
    chance = experiment.chance(seq_len)
    seen = f"{who} is right in {got:.4f} at seq_len={seq_len}, chance is stated as {chance:.4f}"
    problems.unless(got <= chance + margin, f"{seen}: the answer leaks through single inputs, or chance is too low")
    problems.unless(
        got >= chance - margin or not experiment.exact_chance,
        f"{seen}: it is too high (or only a bound: exact_chance = False)",
    )


def _check_loss(problems: Problems, experiment: Experiment, seq_len: int, who: str, got: float, margin: float) -> None:
    """Likewise of the loss, where one is stated; the margin is relative."""
    if (loss := experiment.chance_loss(seq_len)) is None:
        return
    allowed = loss * margin + 1e-3
    seen = f"{who} has a loss of {got:.4f} at seq_len={seq_len}, the chance_loss is stated as {loss:.4f}"
    problems.unless(got >= loss - allowed, f"{seen}: it is too high, or the answer leaks")
    problems.unless(
        got <= loss + allowed or not experiment.exact_chance,
        f"{seen}: it is too low (or only a bound: exact_chance = False)",
    )


def _check_results(problems: Problems, experiment: Experiment) -> None:
    """Let the experiment speak of results."""
    with problems.during("a small sweep"):
        # Of the cells that it sweeps over: its claim must cope with any results of theirs.
        tables = small_tables(experiment, cells=_cells(experiment) or ("rnn", "gru"), **COMPILED)
        problems.unless((tables.runs.status == "ok").all(), f"small runs ended {set(tables.runs.status)}")
        _check_words(problems, experiment, tables)
        _check_claim(problems, experiment, tables)


def _check_show(problems: Problems, experiment: Experiment, seq_len: int) -> None:
    """Samples in words, whatever the outputs are."""
    batch = experiment.held_out(stream(0, "contract"), 2, experiment.windows * seq_len)
    for name, fill in (("zeros", 0.0), ("NaN", np.nan), ("inf", np.inf)):
        with problems.during(f"show of outputs that are {name}"):
            shown = experiment.in_words(batch, 0, np.full((len(batch.scored), experiment.outputs.size), fill))
            if shown is None:
                continue
            if problems.unless(
                isinstance(shown, Sample) and all(isinstance(each, str) for each in _texts(shown)),
                f"show returns {shown!r}; valid: a Sample of texts, or None",
            ):
                problems.unless(
                    len(shown.words) in (0, batch.answer[0]),
                    f"show returns {len(shown.words)} words; valid: one for each step up to the last judged output, "
                    f"{batch.answer[0]}, or none",
                )
    if experiment.continuation is not None:
        with problems.during("show_continued"):
            tokens = np.arange(3) % experiment.outputs.size
            shown = experiment.show_continued(tokens, tokens)
            problems.unless(isinstance(shown, Sample), f"show_continued returns {shown!r}; valid: a Sample")


def _texts(sample: Sample) -> list[object]:
    """All that should be text in a sample."""
    *texts, words, glosses = vars(sample).values()
    return [*texts, *words, *glosses]


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


def _check_claim(problems: Problems, experiment: Experiment, tables: Tables) -> None:
    """That there are results that refute the claim."""
    with problems.during("bears_out of runs that all end alike"):
        verdicts = [type(experiment).bears_out(each) for _, each in worlds(tables)]
        problems.unless(
            not all(verdict and verdict.holds for verdict in verdicts),
            "bears_out holds of anything: where all runs guess, where all solve the task, whatever their gradient does",
        )


def _equal(one: Batch, other: Batch) -> bool:
    # Compared as they stand in memory: NaN, a fault of its own, is equal to itself there.
    return all(
        np.asarray(value).tobytes() == np.asarray(vars(other)[key]).tobytes() for key, value in vars(one).items()
    )


def _global_randomness() -> tuple[Any, ...]:
    state: Any = np.random.get_state()  # noqa: NPY002 -- to see that nobody uses it
    return random.getstate(), state[1].tolist(), state[2], torch.get_rng_state().tolist()
