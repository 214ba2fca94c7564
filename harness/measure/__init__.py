"""Measuring a network as it stands: how well it does, and how much gradient arrives at every time step.

In come networks of one shape (`harness.engine`) and data (`harness.tasks`); out comes a `Measurement` for all members.
`harness.measure.flow` derives from one profile of gradients its figures: rate of decay, horizon, verdict. `Moment` is
what probes (plugins) measure with.
"""
