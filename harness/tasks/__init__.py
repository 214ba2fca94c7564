"""Tasks: what is learnt, and the data to learn it from.

In come an experiment (a plugin, `harness.tasks.experiment.Experiment`), a length and seeds; out come batches of samples
(`harness.tasks.batch.Batch`) and, as tensors for a network, `harness.tasks.data.Data`, one stream per purpose and seed.
What an experiment's outputs mean (loss, what is right) stands in `harness.tasks.outputs`. Defining an experiment loads
neither torch nor pandas.
"""
