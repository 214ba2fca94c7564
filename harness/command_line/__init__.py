"""The command line."""


def main() -> None:
    """See `harness.command_line.main.main`."""
    from harness.command_line.main import main as run

    run()
