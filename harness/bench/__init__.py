"""The benchmark, ``python -m harness.bench``: what a training step, a quick command and a whole sweep cost.

- A training step, ours and what else there is, side by side: `ways` and `peers` say what is compared, `workers` runs
  each way in processes of its own and lets them take turns, `memory` counts bytes. With ``--cells all`` every cell and
  a loop over its step (`plain`), and what its kernel takes to make (`compiling`).
- ``--start``: the CPU time of the commands that should answer at once (`start`).
- ``--sweep``: where the time of a sweep goes (`sweep`, with `stopwatch` inside the process that is measured).
"""
