"""A task whose author says nothing: what holds of it, and how its samples are said in words."""

from __future__ import annotations

import numpy as np

from harness.experiment import Batch, Continuation, Experiment, Sample
from harness.plugins.registry import registry
from tests.helpers.counting import Counting


def test_a_task_says_of_itself_what_is_usual() -> None:
    task = Counting()
    assert (task.solved_at, task.exact_chance, task.feedback, task.windows, task.chance_loss(8)) == (
        0.95, True, None, 1, None,
    )  # fmt: skip
    assert registry().get("experiment", "recall_dish")().continuation is None
    assert Continuation(length=3) == Continuation(3, 1.0, 20)
    assert (task.min_seq_len(), task.refuses(1), task.refuses(0)) == (1, None, "1 or more")
    assert Counting.bears_out(None) is None  # type: ignore[arg-type]
    assert Counting.artefacts(None) == {}  # type: ignore[arg-type]


def test_a_sample_is_said_by_its_tokens_and_read_up_to_its_last_judged_output() -> None:
    task = Counting()
    batch = Batch(np.array([[1, 2, 3]]), np.array([[2, 3, 4]]), judged=np.array([[False, True, True]]))
    outputs = np.eye(5)[[0, 3, 1]]
    assert Experiment.show(task, batch, 0, outputs) == Sample("1 2 3", "3 4", "3 1", words=["1", "2", "3"])
    outputs[2, 0] = np.nan
    batch = Batch(batch.inputs, batch.targets, judged=np.array([[False, True, False]]))
    assert Experiment.show(task, batch, 0, outputs) == Sample("1 2 3", "3", "3", words=["1", "2"])
    batch = Batch(batch.inputs, batch.targets, judged=np.array([[True, False, True]]))
    assert Experiment.show(task, batch, 0, outputs).answered == "0 ?"
    assert Experiment.show(task, Batch(np.ones((1, 3, 5)), np.array([[2]])), 0, outputs) is None
    shown = Experiment.show_continued(task, np.array([1, 2]), np.array([3]))
    assert (shown.text, shown.answered, shown.expected) == ("1 2", "3", "")
