"""Many packs: what belongs together, what is done already, what to do when a job, a worker or a disk fails.

In: jobs with their settings, and a launcher. Out: a results directory with a plan and the tables of every job.
"""
