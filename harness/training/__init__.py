"""Runs: a pack of them is trained, measured from time to time, and written down.

In come the settings of runs that can train together; out come their tables (`harness.training.pack.run`). A `Pack`
holds what trains, a `Record` what becomes of each member, a `Checkpoint` both on disk, so that an interrupted pack
goes on with the very same numbers. `gradient` says of what a step's gradient is taken, `penalties` what is added to it,
`outcome` what the host is told of a step, `schedule` the learning rate.
"""
