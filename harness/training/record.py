"""What becomes of the members of a pack, and the tables that say so."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.measure.flow import GradientFlow, gradient_flow
from harness.measure.gradients import Gradients
from harness.measure.measurement import Measurement
from harness.measure.transport import Transport, by_lag, cue_ratio, log_ratio
from harness.probes.base import Probe
from harness.settings.settings import Settings
from harness.tables.columns import COLUMNS
from harness.training.expected import expected_rate
from harness.training.rows import curve_rows, gradient_rows, runs_table, sample_rows, transport_rows

Status = Literal["training", "diverged", "finished"]
"""Of a member: it trains; its loss or gradient was not finite, and it is measured once more as it stands; nothing more
is to do."""


@dataclass
class MemberState:
    """What is known of one member so far.

    Attributes:
        steps: training steps that it took until it was measured last.
        diverged_at: the step at which its training loss, or the gradient of it, was not finite.
        reason: why the gradient was not, where the loss was.
        pruned: whether its training was ended early.
        solved_step: steps after which an evaluation first found the task solved; it may be lost again later.
        curve: its rows of the table ``curves``, one per measurement.
        accuracy_se: standard error of the accuracy at the last measurement.
        samples: its rows of the table ``samples``, of the last measurement.
        first, last: figures of its gradient at the first and the last measurement.
        input_power: mean squared length of a step's input.
        bound_first, bound_last: ln of the most by which a step back can multiply the gradient, likewise.
        cue_step: mean step of the probe batch that holds the information to be remembered.
        answer_step: mean step of its samples' last judged output.
    """

    status: Status = "training"
    steps: int = 0
    diverged_at: int | None = None
    reason: str | None = None
    pruned: bool = False
    solved_step: int | None = None
    curve: list[dict[str, Any]] = field(default_factory=list)
    accuracy_se: float = math.nan
    samples: list[dict[str, object]] = field(default_factory=list)
    first: GradientFlow | None = None
    last: GradientFlow | None = None
    input_power: float = math.nan
    bound_first: float | None = None
    bound_last: float = math.nan
    cue_step: float = math.nan
    answer_step: float = math.nan


class Record:
    """What the runs of one pack do.

    A member whose training loss or gradient is not finite has diverged: it is measured once more, as it is, and then
    left alone; its neighbours do not notice.

    Attributes:
        members: one state per run, in order.
        frames: rows so far of tables with many rows per run, by the table's name.
    """

    def __init__(self, runs: Sequence[Settings]):
        self.runs = runs
        self.run_ids = [each.run_id for each in runs]
        self.members = [MemberState() for _ in runs]
        self.frames: dict[str, list[pd.DataFrame]] = {"gradients": [], "transport": []}

    @property
    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {"members": self.members, "frames": self.frames}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.members, self.frames = state["members"], state["frames"]

    def unfinished(self, members: Sequence[int]) -> list[int]:
        """Those of some members that are still to be measured."""
        return [k for k in members if self.members[k].status != "finished"]

    def training(self, members: Sequence[int]) -> list[bool]:
        """Which of some members train."""
        return [self.members[k].status == "training" for k in members]

    def losses(self, step: int, members: Sequence[int], losses: Sequence[float]) -> None:
        """Note the training losses of some members; one with a loss that is not finite has diverged."""
        for k, loss in zip(members, losses, strict=True):
            member = self.members[k]
            if member.status == "training" and not math.isfinite(loss):
                member.status, member.diverged_at = "diverged", step

    def overflowed(self, step: int, reasons: Mapping[int, str]) -> None:
        """Note why the gradients of some members are not finite, though their losses are: they have diverged."""
        for k, reason in reasons.items():
            member = self.members[k]
            if member.status == "training":
                member.status, member.diverged_at, member.reason = "diverged", step, reason

    def measured(
        self, members: Sequence[int], found: Measurement, probed: Sequence[tuple[Probe, pd.DataFrame]]
    ) -> None:
        """Note what was measured of some members, in their order.

        It is the end of a member that has diverged, or has solved its task and is to stop there.
        """
        rows = {row: k for row, k in enumerate(members) if self.members[k].status != "finished"}
        run_ids = {row: self.run_ids[k] for row, k in rows.items()}
        added = self._note_probed(found.step, run_ids, probed)
        self.frames["gradients"].append(gradient_rows(found.gradients.whole, found.step, run_ids, found.lengths))
        transported = [by_lag(profile, found.answer) for profile in found.gradients.transport]
        self.frames["transport"].append(transport_rows(transported, found.step, run_ids))
        curve = curve_rows(found)
        for row, k in rows.items():
            member, settings = self.members[k], self.runs[k]
            member.curve.append({"run_id": run_ids[row], **curve[row], **added.get(row, {})})
            member.accuracy_se = float(found.accuracy_se[row])
            member.samples = sample_rows(found, row, run_ids[row])
            trained = found.step > 0 and member.curve[-1]["accuracy"] >= settings.experiment.solved_at
            member.last = memory_flow(found, transported, row, settings.cell.memory, trained)
            member.first = member.first or member.last
            member.input_power = found.input_power[row]
            member.bound_last = found.rate_bound[row]
            member.bound_first = member.bound_last if member.bound_first is None else member.bound_first
            asked = found.answer[row] > 0
            member.cue_step = float(found.cue[row][asked].mean())
            member.answer_step = float(found.answer[row][asked].mean())
            member.steps = found.step if member.diverged_at is None else member.diverged_at - 1
            if member.curve[-1]["accuracy"] >= settings.experiment.solved_at:
                member.solved_step = found.step if member.solved_step is None else member.solved_step
                if settings.train.stop_solved:
                    member.status = "finished"
            if member.status == "diverged":
                member.status = "finished"

    def prune(self) -> None:
        """End the training of all that still train: they have no outcome."""
        for member in self.members:
            if member.status == "training":
                member.status, member.pruned = "finished", True

    def _note_probed(
        self, step: int, run_ids: dict[int, str], probed: Sequence[tuple[Probe, pd.DataFrame]]
    ) -> dict[int, dict[str, object]]:
        """Note what probes measured; returns what they add to each member's row of the table ``curves``."""
        added: dict[int, dict[str, object]] = {}
        for probe, frame in probed:
            rows = frame[frame["member"].isin(run_ids)]
            if not len(rows):
                continue  # columns without values have no type that other jobs' columns could agree with
            if probe.adds == "table":
                named = rows.assign(run_id=rows["member"].map(run_ids), step=step)
                columns = ["run_id", "step", *frame.columns.drop("member")]
                self.frames.setdefault(probe.name, []).append(named[columns])
                continue
            for row in rows.to_dict("records"):
                values = {f"{probe.name}.{key}": value for key, value in row.items() if key != "member"}
                added.setdefault(row["member"], {}).update(values)
        return added

    def tables(self, parameters: int, eval_samples: int, seconds: float) -> dict[str, pd.DataFrame]:
        """All tables.

        Args:
            parameters: weights of a member.
            eval_samples: held-out samples behind an accuracy.
            seconds: each run's share of the pack's time.
        """
        shared: dict[str, object] = {"parameters": parameters, "eval_samples": eval_samples, "seconds": seconds}
        outcomes = [
            {**_outcome(settings, member), **shared} for settings, member in zip(self.runs, self.members, strict=True)
        ]
        return {
            "runs": runs_table(self.runs, outcomes),
            "curves": pd.DataFrame([row for member in self.members for row in member.curve]),
            **{name: self._by_run(pd.concat(frames, ignore_index=True)) for name, frames in self.frames.items()},
            "samples": pd.DataFrame(
                [row for member in self.members for row in member.samples], columns=COLUMNS["samples"]
            ),
        }

    def _by_run(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows in the order of the members, each member's in the order of time."""
        place = {run_id: k for k, run_id in enumerate(self.run_ids)}
        order = np.argsort(frame.run_id.map(place).to_numpy(), kind="stable")
        return frame.iloc[order].reset_index(drop=True)


class Probed(Protocol):
    """Gradients on a probe batch; each attribute as in `Measurement`."""

    @property
    def gradients(self) -> Gradients: ...

    @property
    def cue(self) -> NDArray[np.int64]: ...

    @property
    def answer(self) -> NDArray[np.int64]: ...


def memory_flow(
    found: Probed, transported: Sequence[Transport], member: int, memory: str, solved: bool
) -> GradientFlow:
    """The figures of the part of the state that is the cell's memory.

    The profile is the top layer's: there, a step back is one product with that layer's own recurrence. In a layer below
    the gradient also arrives by every way up through the layers, and the later it goes up the more such ways there
    are: the layers' factors and the number of ways could not be told apart. What arrives at the cue is read in layer
    1, which everything from the inputs must pass.

    Args:
        transported: what `by_lag` makes of what was found.
    """
    top = max(each.layer for each in transported)
    profile = next(each for each in transported if (each.layer, each.part) == (top, memory))
    below = next(each for each in found.gradients.transport if (each.layer, each.part) == (1, memory))
    lags = profile.known[member].any(axis=1)
    ratios = log_ratio(profile.norms[member][None], profile.known[member][None])[0, lags]
    return gradient_flow(ratios, cue_ratio(below, found.answer, found.cue)[member], solved)


def _outcome(settings: Settings, member: MemberState) -> dict[str, object]:
    """What a run has come to, by the columns of the table of runs; one that was pruned has come to nothing."""
    experiment, at_the_end = settings.experiment, member.curve[-1]
    known = {
        "status": "pruned" if member.pruned else "ok" if member.diverged_at is None else "diverged",
        "reason": member.reason,
        "chance": experiment.chance(settings.seq_len),
        "chance_loss": experiment.chance_loss(settings.seq_len),
        "solved_step": member.solved_step,
        **{f"{name}_init": value for name, value in vars(member.first).items()},
        "decay_rate_theory": expected_rate(settings, member.input_power),
        "decay_rate_bound_init": member.bound_first,
        "diverged_at": member.diverged_at,
        "steps": member.steps,
        "memory": settings.cell.memory,
        "has_memory": settings.cell.has_memory,
        "cue_step": member.cue_step,
        "answer_step": member.answer_step,
    }
    outcome = {
        "loss": at_the_end["loss"],
        "accuracy": at_the_end["accuracy"],
        "accuracy_se": member.accuracy_se,
        "solved": at_the_end["accuracy"] >= experiment.solved_at,
        **vars(member.last),
        "decay_rate_bound": member.bound_last,
    }
    return known if member.pruned else {**known, **outcome}
