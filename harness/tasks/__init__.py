"""What is learned: the base class of experiments, their batches, what outputs mean, and batches as tensors.

In: an experiment, a length, seeds. Out: `Data`, one batch for every member of a pack, from streams that depend on
nothing but names. Experiments themselves are plugins (``experiments/``); they import `harness.experiment`.
"""
