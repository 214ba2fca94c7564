"""Writing down what a pack of runs does, member by member, and turning it into tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.measure.evaluation import Evaluation
from harness.measure.flow import GradientFlow, gradient_flow
from harness.measure.gradients import Measured
from harness.probes.base import Probe
from harness.run.rows import _gradient_rows, runs_table
from harness.settings.settings import Settings
from harness.tables.columns import COLUMNS


class Record:
    """What the members of one pack do.

    A member whose training loss is not finite has diverged: it is measured once more, as it is, and then
    left alone; its neighbours do not notice.
    """

    def __init__(self, members: Sequence[Settings], parameters: int, eval_samples: int):
        self.members = members
        self.eval_samples = eval_samples
        self.parameters = parameters
        self.diverged_at: list[int | None] = [None] * len(members)
        self.active = [True] * len(members)
        self._closed = [False] * len(members)
        self._steps = [0] * len(members)
        self._clipped = np.zeros(len(members))
        self._since = 0
        self._flows: list[dict[str, GradientFlow]] = [{} for _ in members]
        self._last: list[dict[str, float]] = [{} for _ in members]
        self._curves: list[dict[str, Any]] = []
        self._gradients: list[pd.DataFrame] = []
        self._samples: list[list[dict[str, object]]] = [[] for _ in members]
        self._probed: dict[str, list[pd.DataFrame]] = {}
        self._cue_step: list[float] = [math.nan] * len(members)

    def open(self, present: Sequence[int]) -> list[int]:
        """Those of some members that are still to be measured."""
        return [k for k in present if not self._closed[k]]

    def training_loss(self, step: int, present: Sequence[int], losses: Sequence[float]) -> None:
        """Note the training losses of the members that are present; one with a non-finite one has diverged."""
        for k, loss in zip(present, losses, strict=True):
            if self.active[k] and not math.isfinite(loss):
                self.active[k], self.diverged_at[k] = False, step

    def trained(self, present: Sequence[int], clipped: Sequence[bool]) -> None:
        """Note that the active members have moved, and whose gradient was clipped."""
        self._since += 1
        self._clipped[list(present)] += clipped
        for k, active in enumerate(self.active):
            self._steps[k] += active

    def measured(
        self,
        step: int,
        present: Sequence[int],
        probe: Measured,
        cue: NDArray[np.int64],
        evaluation: Evaluation,
        spectral_radius: Sequence[float],
        further: Sequence[tuple[Probe, pd.DataFrame]],
    ) -> None:
        """Note an evaluation and a probe of the members that are present and still open.

        A member that has diverged is closed by it, and so is one that has solved its task and is to stop there.
        """
        rows = [row for row, k in enumerate(present) if not self._closed[k]]
        ids = [self.members[present[row]].run_id for row in rows]
        columns = self._note_further(step, present, further)
        self._gradients += [_gradient_rows(ids, step, profile, rows) for profile in probe.profiles]
        for row in rows:
            k = present[row]
            self._last[k] = {"loss": float(evaluation.loss[row]), "accuracy": float(evaluation.accuracy[row])}
            self._curves.append(
                {
                    "run_id": self.members[k].run_id,
                    "step": step,
                    **self._last[k],
                    "grad_norm_weights": float(probe.grad_norm_weights[row]),
                    "clipped": float(self._clipped[k] / self._since) if self._since else 0.0,
                    "spectral_radius": spectral_radius[row],
                    **columns.get(row, {}),
                }
            )
            self._samples[k] = [
                {"run_id": self.members[k].run_id, "sample": index, **vars(sample), "accuracy": accuracy}
                for index, (sample, accuracy) in enumerate(
                    zip(evaluation.shown[row], evaluation.shown_accuracy[row].tolist(), strict=True)
                )
                if sample is not None
            ]
            self._note_flow(k, row, probe, cue[row])
            if self.members[k].train.stop_solved and self._solved(k):
                self.active[k] = False
            self._closed[k] = not self.active[k]
        self._clipped[:], self._since = 0, 0

    def _note_further(
        self, step: int, present: Sequence[int], further: Sequence[tuple[Probe, pd.DataFrame]]
    ) -> dict[int, dict[str, object]]:
        """Note what probes measured; returns what they add to the row of each open member in the table of curves."""
        columns: dict[int, dict[str, object]] = {}
        ids = {row: self.members[k].run_id for row, k in enumerate(present) if not self._closed[k]}
        for plugin, frame in further:
            rows, name = frame[frame["member"].isin(ids)], plugin.name
            if not len(rows):
                continue  # columns without values have no type that other jobs' columns could agree with
            if plugin.adds == "table":
                named = rows.assign(run_id=rows["member"].map(ids), step=step).drop(columns="member")
                self._probed.setdefault(name, []).append(named[["run_id", "step", *frame.columns.drop("member")]])
                continue
            for row in rows.to_dict("records"):
                measured = {f"{name}.{key}": value for key, value in row.items() if key != "member"}
                columns.setdefault(row["member"], {}).update(measured)
        return columns

    def _note_flow(self, k: int, row: int, probe: Measured, cue: NDArray[np.int64]) -> None:
        """The figures of the profile that decides what can be remembered: layer 1, the cell's memory."""
        memory = self.members[k].cell.memory
        norms = next(each.norms for each in probe.profiles if (each.layer, each.part) == (1, memory))[row]
        by_sample = norms.cpu().numpy()
        cue_norm = by_sample[cue - 1, np.arange(len(cue))[:, None]].mean()
        flow = gradient_flow(by_sample.mean(axis=1)[::-1], cue_norm)
        self._flows[k].setdefault("first", flow)
        self._flows[k]["last"] = flow
        self._cue_step[k] = float(cue.mean())

    def _solved(self, k: int) -> bool:
        return self._last[k]["accuracy"] >= self.members[k].experiment.solved_at

    def _solved_step(self, k: int) -> int | None:
        """Steps of training after which an evaluation first found the task solved; it may be lost again later."""
        mine = (row for row in self._curves if row["run_id"] == self.members[k].run_id)
        return next((row["step"] for row in mine if row["accuracy"] >= self.members[k].experiment.solved_at), None)

    def tables(self, seconds: float) -> dict[str, pd.DataFrame]:
        """All tables; ``seconds`` is each run's share of the pack's time."""
        runs = [self._run_row(k, seconds) for k in range(len(self.members))]
        return {
            "runs": runs_table(self.members, runs),
            "curves": self._by_run(pd.DataFrame(self._curves)),
            "gradients": self._by_run(pd.concat(self._gradients, ignore_index=True)),
            **{name: self._by_run(pd.concat(frames, ignore_index=True)) for name, frames in self._probed.items()},
            "samples": pd.DataFrame([row for rows in self._samples for row in rows], columns=COLUMNS["samples"]),
        }

    def _by_run(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows in the order of the members, each member's in the order of time."""
        place = {settings.run_id: k for k, settings in enumerate(self.members)}
        order = np.argsort(frame.run_id.map(place).to_numpy(), kind="stable")
        return frame.iloc[order].reset_index(drop=True)

    def _run_row(self, k: int, seconds: float) -> dict[str, object]:
        settings, first, last = self.members[k], self._flows[k]["first"], self._flows[k]["last"]
        experiment = settings.experiment
        return {
            "status": "ok" if self.diverged_at[k] is None else "diverged",
            **self._last[k],
            "chance": experiment.chance(settings.seq_len),
            "chance_loss": experiment.chance_loss(settings.seq_len),
            "solved": self._solved(k),
            "solved_step": self._solved_step(k),
            **vars(last),
            **{f"{name}_init": value for name, value in vars(first).items()},
            "diverged_at": self.diverged_at[k],
            "steps": self._steps[k],
            "seconds": seconds,
            "parameters": self.parameters,
            "memory": settings.cell.memory,
            "cue_step": self._cue_step[k],
            "eval_samples": self.eval_samples,
        }
