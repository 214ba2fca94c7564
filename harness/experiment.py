"""What an experiment is written with. See ``docs/plugins.md``."""

from harness.base.language import gettext
from harness.tables.tables import Tables
from harness.tasks.batch import Batch, answer_phase
from harness.tasks.distractors import distracted
from harness.tasks.experiment import Continuation, Experiment, Sample, Verdict
from harness.tasks.lengths import VariedLengths
from harness.tasks.outputs import Classes, Labels, Outputs, Values

__all__ = [
    "Batch", "Classes", "Continuation", "Experiment", "Labels", "Outputs", "Sample", "Tables", "Values",
    "VariedLengths", "Verdict", "answer_phase", "distracted", "gettext",
]  # fmt: skip
