"""The one exception that users see as a sentence instead of a traceback."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path


class UserError(Exception):
    """Something the user asked for cannot be done; the message is one line that says what would be valid."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows, by IPython's protocol: the message, and the user's own line, instead of all frames."""
        ours = str(Path(__file__).parents[1])
        theirs = [each for each in traceback.extract_tb(self.__traceback__) if not each.filename.startswith(ours)]
        cells = [each for each in theirs if "ipykernel" in each.filename or each.filename.startswith("<ipython")]
        return [f"UserError: {self}", *(f"line {each.lineno}: {each.line}" for each in cells[-1:])]


class TooLong(Exception):
    """A job has taken longer than its launcher lets it."""


MOST_NAMES, NEAREST = 30, 5
"""As many valid names are listed; of more than these only the nearest."""


def unknown(key: str, value: object, valid: Iterable[str]) -> UserError:
    """An error for a value that is none of the valid names; suggests the nearest, and names the nearest of many."""
    return UserError(
        f"{key}={value}: unknown {key}{_hint(value, valid := sorted(valid))}; "
        f"valid: {_named(value, valid, 'python -m harness.plugins')}"
    )


def _named(value: object, valid: list[str], command: str) -> str:
    """All valid names, or of many those that are most like a value, and which command lists all."""
    if len(valid) <= MOST_NAMES:
        return ", ".join(valid)
    near = get_close_matches(str(value), valid, n=NEAREST, cutoff=0.0)
    return f"{', '.join(sorted(near))} and {len(valid) - len(near)} others ({command} lists them)"


def unknown_setting(key: str, valid: Iterable[str]) -> UserError:
    """An error for a key that is no setting; suggests the nearest, and names those of its section."""
    valid = sorted(valid)
    where, _, name = key.rpartition(".")
    section = [each for each in valid if each.rpartition(".")[0] == where]
    same_name = [each for each in valid if each.rpartition(".")[2] == name]
    hint = f" (did you mean {same_name[0]!r}?)" if same_name else _hint(key, section)
    names = _named(key, section or valid, "python -m harness --help")
    return UserError(f"{key}: unknown setting{hint}; valid: {names}")


def _hint(value: object, valid: list[str]) -> str:
    near = get_close_matches(str(value), valid, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def first_line(error: BaseException) -> str:
    """The first line of an exception's message, or its type where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def reason(error: BaseException, *sources: object) -> str:
    """An error in one line: ``ZeroDivisionError: division by zero (mine.py, line 12)``.

    Args:
        sources: whose code may be at fault, paths or plugins: the last line of theirs that was being run is named.
    """
    if isinstance(error, UserError | TooLong):
        return first_line(error)
    files = {file for each in sources for file in _files(each)}
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {first_line(error)}{where}"


def place(function: Callable[..., object]) -> str:
    """Where a function of a plugin stands: ``mine.py, line 12``."""
    code = inspect.unwrap(function).__code__
    return f"{Path(code.co_filename).name}, line {code.co_firstlineno}"


def _files(source: object) -> Iterator[str]:
    """The files of a path or a plugin, with those of the plugins that it is derived from."""
    if isinstance(source, str | Path):
        yield str(source)
        return
    for target in (source if isinstance(source, type) else type(source)).__mro__:
        if "kind" in vars(target) or target is object:
            return  # the base class of all plugins of a kind is no plugin
        with suppress(TypeError, OSError):  # what was typed at a prompt has no file
            if file := inspect.getsourcefile(target):
                yield file
