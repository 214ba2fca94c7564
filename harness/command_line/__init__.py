"""``python -m harness``: Hydra, with our plugins as config groups, packed sweeps, and one-line errors.

In come the words of a command line (`command`); out go a configuration to `harness.sweeping`, and at its end a report.
The only room that imports Hydra. What takes long to load (torch, pandas, matplotlib) is imported once a sweep is valid:
help, completion and refusals do without.
"""


def main() -> None:
    """See `harness.command_line.main.main`."""
    from harness.command_line.main import main as run

    run()
