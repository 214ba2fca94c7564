"""Settings that would change nothing as they stand together: said at once, and not found out after a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.seeds import stream
from harness.engine.blocks import input_weights
from harness.tasks.experiment import Experiment

if TYPE_CHECKING:
    from harness.settings.settings import Settings


def without_effect(run: Settings) -> str | None:
    """One line that names a setting, its value and what would be valid, where it could change nothing; else None."""
    if run.input_scale != 1 and not input_weights(run.cell, run.hidden_size):
        return f"input_scale={run.input_scale}: no weight of cell={run.cell.name} reads the inputs; valid: 1"
    if run.embedding_size and not _reads_tokens(run.experiment, run.seq_len):
        return (
            f"embedding_size={run.embedding_size}: experiment={run.experiment.name} gives real vectors, and no tokens "
            "to embed; valid: null"
        )
    return None


def _reads_tokens(experiment: Experiment, seq_len: int) -> bool:
    """Whether a task's inputs are tokens: only a sample of it says so."""
    return experiment.sample(stream(0, "kind of inputs"), 1, experiment.windows * seq_len).inputs.ndim == 2
