"""Sweeps: many runs as jobs, in one process or on many machines.

In come runs, packed into jobs (`harness.sweeping.packing`), a launcher and a directory; out come tables in
``DIR/jobs/<job>/tables``. What is done there already is not done again (`harness.sweeping.plan`), and what fails, or
takes its worker with it, does not end the rest (`harness.sweeping.launching`).
"""
