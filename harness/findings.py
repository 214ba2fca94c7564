"""What the tables say, in sentences. Every sentence is made from the tables and true of them, or not made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from harness.tables import Tables

SETTING = ["cell", "seq_len", "weight_scale"]
"""What runs are grouped by; they are averaged over everything else, the seed above all."""

MIN_RUNS_FOR_CORRELATION = 8

MOST_LISTED = 6
"""Most values that a sentence lists one by one."""


def findings(tables: Tables) -> list[str]:
    """Sentences about the results, the most telling first."""
    return [
        (f"{version}: " if version else "") + sentence
        for version, runs in versions(tables.runs)
        for sentence in _sentences(runs)
    ]


def varied_options(runs: pd.DataFrame) -> list[str]:
    """Options of the experiment in which the runs differ."""
    return [key for key in map(str, runs) if key.startswith("experiment.") and runs[key].nunique() > 1]


def versions(runs: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The runs of every version of a task apart: an experiment, and its options where the sweep varies them.

    Yields:
        What tells a version from the others, ``parity, asked=end``, empty where there is but one; and its runs.
    """
    several = runs.experiment.nunique() > 1
    for name, own in runs.groupby("experiment", sort=False):
        options = varied_options(own)
        apart = list(own.groupby(options, sort=False)) if options else []
        if not 1 < len(apart) <= MOST_LISTED:
            yield str(name) if several else "", own
            continue
        for values, part in apart:
            said = [f"{key.removeprefix('experiment.')}={value}" for key, value in zip(options, values, strict=True)]
            yield ", ".join([str(name), *said] if several else said), part


def _sentences(runs: pd.DataFrame) -> Iterator[str]:
    done = finished(runs)
    if len(done):
        groups = by_setting(done)
        yield from _contrast(groups)
        yield from _reach(groups, "every run" if len(done) == len(runs) else "every run that did not fail")
        yield from _gradient(groups)
        if (done.steps.astype(float) > 0).any():
            yield from _gradient_after(groups)
        yield from _correlation(done[~done.cell.isin(groups[groups.memoryless].cell)])
        yield from _baseline(groups)
    yield from _trouble(runs)


def finished(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that have an outcome: all but the failed ones."""
    return runs[runs.status != "failed"]


def by_setting(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per cell × length × weight scale.

    Columns beside these: ``runs``, mean ``accuracy``, ``chance``, ``solved`` (share of runs), median
    ``rate_init``, ``rate`` (decay rates) and ``ratio_init``, ``memoryless`` (no setting of the cell ever passes
    gradient back: recurrent weights that only start at zero are no lack of memory), ``guessing`` (not above chance).
    """
    groups = runs.assign(solved=runs.solved.astype(float)).groupby(SETTING, sort=True, dropna=False)
    table = groups.agg(
        runs=("run_id", "size"),
        accuracy=("accuracy", "mean"),
        chance=("chance", "mean"),
        solved=("solved", "mean"),
        samples=("eval_samples", "sum"),
        rate_init=("decay_rate_init", "median"),
        rate=("decay_rate", "median"),
        ratio_init=("grad_ratio_init", "median"),
    ).reset_index()
    silent = np.isneginf(runs.decay_rate_init) & ~np.isfinite(runs.decay_rate)
    table["memoryless"] = table.cell.map(silent.groupby(runs.cell).all()).astype(bool)
    table["guessing"] = not_above_chance(table.accuracy, table.chance, table.samples)
    return table


def not_above_chance(accuracy: pd.Series, chance: pd.Series, samples: pd.Series) -> pd.Series:
    """Whether an accuracy is within three standard errors of chance, or below: guessing explains it."""
    error = np.sqrt(chance * (1 - chance) / samples.astype(float))
    return accuracy <= chance + 3 * error


def contrast(groups: pd.DataFrame) -> tuple[pd.Series, pd.Series] | None:
    """The longest length at which one setting solves the task in all its runs while another one guesses.

    Returns:
        The row that solves it and the row that guesses, of two different cells with memory; a plain rnn
        with the smallest weight scale where there is a choice. None where there is no such pair.
    """
    able = groups[~groups.memoryless]
    for seq_len in sorted(able.seq_len.unique(), reverse=True):
        here = able[able.seq_len == seq_len]
        losers = here[here.guessing]
        losers = losers.assign(other=losers.cell != "rnn").sort_values(["other", "weight_scale"], kind="stable")
        for _, loser in losers.iterrows():
            winners = here[(here.solved == 1) & (here.cell != loser.cell) & ~here.guessing]
            if len(winners):
                return winners.sort_values("accuracy", ascending=False, kind="stable").iloc[0], loser
    return None


def _contrast(groups: pd.DataFrame) -> Iterator[str]:
    """The contrast in words, where there is one."""
    if pair := contrast(groups):
        winner, loser = pair
        yield (
            f"At {winner.seq_len} steps, {_setting(winner)} answers {percent(winner.accuracy)} right"
            f" ({_runs(winner.runs)}), while {_setting(loser)} answers {percent(loser.accuracy)}"
            f" ({_runs(loser.runs)}): not distinguishable from guessing, {percent(loser.chance)}."
        )


def _reach(groups: pd.DataFrame, every: str) -> Iterator[str]:
    able = groups[~groups.memoryless]
    several = able.weight_scale.nunique() > 1
    for cell, rows in able.groupby("cell", sort=False):
        solved = rows[rows.solved == 1]
        if len(solved):
            longest = solved.seq_len.max()
            scales = solved[solved.seq_len == longest].weight_scale
            tried = rows.seq_len.max()
            end = ", the longest that was tried" if longest == tried and rows.seq_len.nunique() > 1 else ""
            missed = rows[(rows.seq_len < longest) & (rows.solved < 1) & rows.weight_scale.isin(scales)]
            shorter = [
                f"{row.seq_len} steps" + (f" with weight scale {row.weight_scale:g}" if several else "")
                for row in missed.itertuples()
            ]
            up_to = "up to " if rows.seq_len.nunique() > 1 and not shorter else ""
            yield (
                f"{cell} solves the task in {every} at {up_to}{longest} steps{end}"
                f"{f' (weight scale {listed(scales)})' if several else ''}"
                f"{f', but not at {listed(shorter)}' if shorter else ''}."
            )
        elif (rows.solved > 0).any():
            longest = rows[rows.solved > 0].seq_len.max()
            yield f"{cell} solves the task in some runs, at {longest} steps at most, but in no setting in every run."
        else:
            best = percent(rows.accuracy.max())
            yield f"{cell} solves the task in none of its runs; its best setting answers {best} right."


def _gradient(groups: pd.DataFrame) -> Iterator[str]:
    able = groups[~groups.memoryless]
    longest = able[able.seq_len == able.seq_len.max()]
    scales = able.weight_scale.nunique() > 1
    for cell, rows in longest.groupby("cell", sort=False):
        known = rows[np.isfinite(rows.rate_init)].sort_values("weight_scale")
        if not len(known):
            continue
        shown = known[known.weight_scale.isin(spread(known.weight_scale, MOST_LISTED))]
        factors = [
            f"{factor(row.rate_init):.3g}" + (f" at weight scale {row.weight_scale:g}" if scales else "")
            for row in shown.itertuples()
        ]
        some = f" ({len(shown)} of {len(known)} weight scales)" if len(shown) < len(known) else ""
        least = known.iloc[0]
        yield (
            f"Before training ({least.seq_len} steps), each step back multiplies the gradient of {cell} by"
            f" {listed(factors)}{some}; {f'at weight scale {least.weight_scale:g} ' if scales else ''}the cue"
            f" receives {amount(least.ratio_init)}{'' if least.ratio_init >= 1 else ' of'} what the last step receives."
        )


def _gradient_after(groups: pd.DataFrame) -> Iterator[str]:
    """The factors at the end of the training at the longest length, as a range over the weight scales."""
    able = groups[~groups.memoryless]
    known = able[(able.seq_len == able.seq_len.max()) & np.isfinite(able.rate)]
    ranges = []
    for cell, rows in known.groupby("cell", sort=False):
        low, high = (f"{factor(rate):.3g}" for rate in (rows.rate.min(), rows.rate.max()))
        ranges.append(f"{cell}: {low}" if low == high else f"{cell}: {low} to {high}")
    if ranges:
        scales = known.weight_scale.nunique()
        over = f", over {scales} weight scales" if scales > 1 else ""
        yield f"After training, the factor per step is ({known.seq_len.iloc[0]} steps{over}) {'; '.join(ranges)}."


def _correlation(runs: pd.DataFrame) -> Iterator[str]:
    """Whether the gradient before training goes with what is learned, by ranks (Spearman) within each length."""
    known = runs[["seq_len", "grad_ratio_init", "accuracy"]].astype(float).dropna()
    # Longer is harder and leaves less gradient: runs of different lengths would go together for that reason alone.
    ranks = known.groupby("seq_len").rank(pct=True)
    if len(known) < MIN_RUNS_FOR_CORRELATION or (ranks.nunique() < 2).any():
        return
    rho = float(ranks.grad_ratio_init.corr(ranks.accuracy))
    strength = "hardly" if abs(rho) < 0.2 else "weakly" if abs(rho) < 0.5 else "clearly"
    which = "higher" if rho > 0 else "lower"
    same = ", and of the same length" if known.seq_len.nunique() > 1 else ""
    yield (
        f"Among the {len(known)} runs of cells with memory{same}, more gradient at the cue before training goes"
        f" {strength} with {which} accuracy after it (rank correlation {rho:.2f})."
    )


def _baseline(groups: pd.DataFrame) -> Iterator[str]:
    for cell, rows in groups[groups.memoryless].groupby("cell", sort=False):
        best = rows.accuracy.max()
        chance = percent(rows.chance.mean())
        if rows.guessing.all():
            yield (
                f"{cell}, which has no memory, answers at most {percent(best)} right:"
                f" it stays at the chance level, {chance}."
            )
        else:
            yield (
                f"{cell}, which has no memory, answers up to {percent(best)}, above the chance level of {chance}: "
                "part of this task can be answered without memory."
            )


def _trouble(runs: pd.DataFrame) -> Iterator[str]:
    lost = runs[runs.solved_step.notna() & (runs.solved == False)]  # noqa: E712 -- missing is not false
    if len(lost):
        yield (
            f"{len(lost)} of {len(runs)} runs had solved the task at an evaluation during the training, and had lost it"
            f" by its end: {_where(lost)}."
        )
    diverged = runs[runs.status == "diverged"]
    if len(diverged):
        steps = diverged.diverged_at.astype(int)
        when = f"step {steps.min()}" if steps.nunique() == 1 else f"steps {steps.min()} to {steps.max()}"
        yield f"{len(diverged)} of {len(runs)} runs diverged, in {when} of training: {_where(diverged)}."
    failed = runs[runs.status == "failed"]
    if len(failed):
        reasons = listed([reason.rstrip(".") for reason in failed.reason.dropna().unique()[:3]])
        yield f"{len(failed)} of {len(runs)} runs failed: {reasons}."


def _where(runs: pd.DataFrame) -> str:
    pairs = runs[["cell", "weight_scale"]].drop_duplicates().sort_values(["cell", "weight_scale"])
    return listed([f"{row.cell} at weight scale {row.weight_scale:g}" for row in pairs.itertuples()])


def factor(rate: float) -> float:
    """The factor per step of a decay rate; inf where it is beyond all numbers."""
    with np.errstate(over="ignore"):
        return float(np.exp(np.float64(rate)))


def percent(share: float) -> str:
    """A share as a percentage with as many digits as it needs: 100 %, 12.5 %; all and none are never rounded."""
    if not np.isfinite(share):
        return "an undefined share"
    text = f"{100 * share:.1f}".removesuffix(".0")
    if text == "100" and share < 1:
        return "more than 99.9 %"
    return "less than 0.1 %" if text == "0" and share > 0 else f"{text} %"


def amount(ratio: float) -> str:
    """A ratio in words that also fit the extremes."""
    if np.isnan(ratio):
        return "an undefined share"
    if np.isposinf(ratio):
        return "infinitely many times"
    return "nothing" if ratio == 0 else f"{ratio:.2g} times" if ratio >= 1 else f"{ratio:.2g}"


def _setting(row: pd.Series) -> str:
    return f"{row.cell} at weight scale {row.weight_scale:g}"


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def listed(values: Iterable[object]) -> str:
    """``1, 2 and 3``; of many the first, and how many more there are."""
    words = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    if len(words) > MOST_LISTED:
        words = [*words[: MOST_LISTED - 1], f"{len(words) - MOST_LISTED + 1} more"]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def spread(values: Iterable[float], most: int) -> list[float]:
    """As many of the values, in order and evenly spread, the smallest and the largest among them."""
    known = sorted(set(values))
    if len(known) <= most:
        return known
    return [known[place] for place in np.linspace(0, len(known) - 1, most).round().astype(int)]


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy as text: a row per cell and length, a column per weight scale; ``~`` marks guessing."""
    groups = by_setting(finished(runs))
    mark = np.where(groups.guessing, "~", "")
    groups["text"] = [percent(value) for value in groups.accuracy]
    groups["text"] = mark + groups.text
    return groups.pivot(index=["cell", "seq_len"], columns="weight_scale", values="text").fillna("")
