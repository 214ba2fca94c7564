"""``python -m harness``: see `harness.command_line`."""

from harness.command_line import main

main()
