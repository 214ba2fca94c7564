"""Settings: what determines a run, typed and validated.

In come the values of a configuration, with plugins by name; out come `Settings`, one per run, or one line that says
which key has which wrong value. The rules of which runs train together are in `members`, how a sweep is conducted
(which changes no run's numbers) in `conduct`.
"""
