"""The table `generalization`: runs at the lengths of `eval.seq_len`, as they are at their end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from harness.engine.network import Network
from harness.measure.evaluation import EVAL_SAMPLES
from harness.measure.generalization import AtLength, at_length
from harness.measure.transport import by_lag
from harness.settings.settings import Settings
from harness.tables.columns import COLUMNS, TABLES
from harness.tasks.streams import Streams
from harness.training.record import memory_flow


def generalization(runs: Sequence[Settings], network: Network, probed: Network) -> pd.DataFrame:
    """The rows of runs: run after run, each at every length.

    Samples of a length are those that a run trained at that length is evaluated and probed on: so at the trained length
    the numbers are those of the run, and runs trained at different lengths meet the same samples.

    Args:
        runs: of one pack.
        network: of these runs, row by row, in the precision of the training.
        probed: the same in the precision of the probes.
    """
    lengths = runs[0].eval.seq_len if runs else []
    rows = [_rows(runs, network, probed, length) for length in lengths]
    ordered = [at_this[k] for k in range(len(runs)) for at_this in rows]
    types = {each.name: each.dtype for each in TABLES["generalization"] if each.dtype != "str"}
    return pd.DataFrame(ordered, columns=COLUMNS["generalization"]).astype(types)


def _rows(runs: Sequence[Settings], network: Network, probed: Network, length: int) -> list[dict[str, Any]]:
    """The rows of one length."""
    first, seeds = runs[0], [each.seed for each in runs]

    def stream(purpose: str) -> Streams:
        return Streams(first.experiment, length, seeds, purpose, first.device)

    held_out = stream("eval").held_out(EVAL_SAMPLES, network.flat.dtype)
    probe_data = stream("probe").answering(first.probe.batch_size, probed.flat.dtype)
    # What a longer sequence leaves for the way back would take memory that nobody has planned for.
    longer = length > first.seq_len
    able, probing = (each.with_weights(each.flat, recompute=True) if longer else each for each in (network, probed))
    found = at_length(able, probing, first.experiment, held_out, probe_data)
    transported = [by_lag(profile, found.answer) for profile in found.gradients.transport]
    chance = {"chance": first.experiment.chance(length), "chance_loss": first.experiment.chance_loss(length)}
    rows = []
    for k, run in enumerate(runs):
        right = float(found.accuracy[k])
        solved = right >= run.experiment.solved_at
        flow = memory_flow(found, transported, k, run.cell.memory, solved and run.train.steps > 0)
        scores = {"solved": solved, **_scores(found, k), **chance}
        rows.append({"run_id": run.run_id, "length": length, **scores, **vars(flow)})
    return rows


def _scores(found: AtLength, member: int) -> dict[str, float]:
    return {name: float(getattr(found, name)[member]) for name in ("accuracy", "accuracy_se", "loss")}
