"""One sweep at a time in a results directory."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

from harness.base.errors import UserError

FILE = ".lock"


class Lock:
    """Holds a directory as a context; the operating system lets go of it even where the process is killed.

    Raises:
        UserError: another process holds it; says which, and on what machine. Or it cannot be made or written to.
    """

    def __init__(self, directory: Path):
        self.path = directory / FILE

    def __enter__(self) -> Lock:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file: IO[str] = self.path.open("a+", encoding="utf-8")
        except OSError as error:
            raise UserError(
                f"hydra.sweep.dir={self.path.parent}: {error.strerror}; valid: a directory that can be written to, or "
                "made"
            ) from None
        if fcntl is None:
            return self
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.file.seek(0)
            holder = self.file.read().strip() or "another process"
            self.file.close()
            raise UserError(
                f"{self.path.parent}: {holder} is at work on this sweep; wait for its end, or stop it"
            ) from None
        self.file.seek(0)
        self.file.truncate()
        self.file.write(f"process {os.getpid()} on {socket.gethostname()}")
        self.file.flush()
        return self

    def __exit__(self, *exc: object) -> None:
        self.file.close()
