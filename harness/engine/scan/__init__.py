"""The scan."""

from harness.engine.scan.choice import scanner
from harness.engine.scan.interface import Buffers, Outside, Scanner, StepGradients, Trace, norm

__all__ = ["Buffers", "Outside", "Scanner", "StepGradients", "Trace", "norm", "scanner"]
