"""Measuring a network as it stands: how well it does, and how much gradient arrives at every time step.

In come networks of one shape (`harness.engine`) and data (`harness.tasks`); out comes a `Measurement` for all members.
`harness.measure.transport` counts what one answer alone sends back from that answer's step, and
`harness.measure.flow` derives its figures from it: rate of decay, shape, horizon, verdict. `Moment` is
what probes (plugins) measure with.
"""
