"""What the tables say, in sentences. Every sentence is made from the tables and true of them, or not made."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from harness.analysis.groups import by_setting, contrast, finished, versions
from harness.analysis.words import MOST_LISTED, amount, factor, listed, percent, spread
from harness.tables.tables import Tables

MIN_RUNS_FOR_CORRELATION = 8


def findings(tables: Tables) -> list[str]:
    """Sentences about the results, the most telling first."""
    return [
        (f"{version}: " if version else "") + sentence
        for version, runs in versions(tables.runs)
        for sentence in _sentences(runs)
    ]


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


def _setting(row: pd.Series) -> str:
    return f"{row.cell} at weight scale {row.weight_scale:g}"


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
