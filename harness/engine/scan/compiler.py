"""From C code to a loaded library: finds a C compiler, and keeps what it has made in a cache.

A compiler is the one that ``CC`` names (with arguments, as in ``CC="ccache gcc"``), ``cc``, or the one that the package
ziglang brings (``pip install rnn-gradient-harness[compiler]``), whichever comes first and works. The cache is
``$XDG_CACHE_HOME/rnn-gradient-harness`` (``~/.cache/…``).
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import logging
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

log = logging.getLogger(__name__)

FLAGS = ["-std=gnu11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared", "-pthread"]
NATIVE = (
    [["-march=native"], []]
    if platform.machine().lower() in ("x86_64", "amd64", "i686")
    else [["-mcpu=native"], ["-march=native"], []]
)
"""How a compiler may be asked for all that this processor can do; the first that it accepts is taken."""

COMPILE_SECONDS = 120


class CannotCompile(Exception):
    """There is no compiler here, or none that makes a library that can be loaded."""


def compilers() -> list[list[str]]:
    """The commands of all C compilers that there are, in the order in which they are tried."""
    wanted = [shlex.split(os.environ.get("CC", "")), ["cc"]]
    found = [[path, *command[1:]] for command in wanted if command and (path := shutil.which(command[0]))]
    if importlib.util.find_spec("ziglang"):
        found.append([sys.executable, "-m", "ziglang", "cc"])
    return found


def load(code: str) -> ctypes.CDLL:
    """The library of some C code, from the cache or newly compiled.

    Raises:
        CannotCompile: says what each compiler answered.
    """
    problems = []
    for compiler in compilers():
        try:
            return _load(code, compiler)
        except (OSError, subprocess.SubprocessError) as error:
            problems.append(f"{shlex.join(compiler)}: {error}")
    raise CannotCompile("; ".join(problems) or "no C compiler (tried CC, cc, ziglang)")


def _load(code: str, compiler: list[str]) -> ctypes.CDLL:
    made_by = [code, *compiler, *FLAGS, str(NATIVE), _processor()]
    key = hashlib.sha256("\0".join(made_by).encode()).hexdigest()[:24]
    for path in cache_folder().glob(f"{key}-*.so"):
        # Loading a damaged library can end the process; one that is whole may still be made for another system.
        if path == _named(key, path.read_bytes()):
            try:
                return ctypes.CDLL(str(path))
            except OSError as error:
                log.info("%s cannot be loaded and is made anew: %s", path, error)
        else:
            log.info("%s is damaged and made anew", path)
        path.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        made = _compile(code, compiler, Path(scratch))
        return ctypes.CDLL(str(_keep(key, made)))


def _compile(code: str, compiler: list[str], folder: Path) -> Path:
    """The library in ``folder``; raises OSError with the compiler's first line where it refuses."""
    source, made = folder / "kernel.c", folder / "kernel.so"
    source.write_text(code)
    for native in NATIVE:
        command = [*compiler, *FLAGS, *native, str(source), "-o", str(made), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_SECONDS, check=False)
        if done.returncode == 0 and made.exists():
            return made
    raise OSError("refuses the kernel: " + (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[0])


def _keep(key: str, made: Path) -> Path:
    """Puts a library into the cache, whole or not at all; where nothing can be kept, it stays where it is."""
    content = made.read_bytes()
    path = _named(key, content)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(content)
        os.replace(file.name, path)
    except OSError as error:
        log.info("compiled kernels cannot be kept: %s", error)
        return made
    return path


def _named(key: str, content: bytes) -> Path:
    """Where a library is kept: its name holds a checksum of its content."""
    return cache_folder() / f"{key}-{hashlib.sha256(content).hexdigest()[:24]}.so"


def cache_folder() -> Path:
    """Where compiled kernels are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rnn-gradient-harness"


@cache
def warn_once(line: str) -> None:
    """A warning, in this process once; a sweep says those of all its jobs on the terminal, each once."""
    log.warning("%s", line)


@cache
def _processor() -> str:
    """What the native flags depend on: a cache may be shared between machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next((line for line in lines if line.startswith(("flags", "Features"))), platform.machine())
    except OSError:
        return platform.platform() + platform.processor()
