"""The benchmark: one training step, ours against what else there is, side by side (``python -m harness.bench``)."""
