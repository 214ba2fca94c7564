"""``python -m harness``: see `harness.command_line`."""

import atexit
import gc

from harness.command_line.main import main

# An interpreter that ends looks through all objects for circles of garbage: for a second, after torch and pandas. Their
# memory goes back to the system in any case.
atexit.register(gc.freeze)
main()
