"""The scan."""

from harness.engine.scan.choice import scanner
from harness.engine.scan.interface import Buffers, GradFromAbove, Scanner, StepGradients, Trace, norm

__all__ = ["Buffers", "GradFromAbove", "Scanner", "StepGradients", "Trace", "norm", "scanner"]
