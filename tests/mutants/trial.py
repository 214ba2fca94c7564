"""Tests run in forks: which of them reach which line, and which notice a fault."""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import importlib.abc
import importlib.util
import inspect
import math
import os
import pickle
import resource
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import coverage
import hypothesis
import pytest

from tests.mutants.faults import Fault

LEAST_SECONDS = 10
"""A trial may compute for so long, or three times what its tests take without a fault; beyond, the fault is noticed."""

SECONDS_OF_TESTS = 8
"""A trial runs the fastest tests that reach the line, for so long; what only slower ones notice counts as unnoticed."""

IN_A_HURRY = """sh -c 'exec cc "$@" -O0' cc"""
"""The C compiler of trials (the variable ``CC``): kernels run slower, and are there in a fifth of the time."""

PATIENCE = 10
"""A trial that waits for something, or for a machine that is busy, has so many times as long by the clock."""


class TestsFailError(Exception):
    """Tests fail without any fault."""


@dataclass
class Reached:
    """What tests do in one module.

    Attributes:
        lines: for each line the tests that run it; "" stands for what runs when the module is imported.
        seconds: of every test, without any fault, as the processor counts them.
    """

    lines: dict[int, set[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def tests_of(self, fault: Fault) -> list[str]:
        """The tests that can notice a fault, the fastest first."""
        here: set[str] = set().union(*(self.lines.get(line, set()) for line in _statement(fault.path, fault.line)))
        others: set[str] = set()
        if "" in here:  # a constant, a default, a decorator: whoever runs anything of the module, and who may read it
            here = set().union(*self.lines.values())
            others = set(self.seconds) - here
        fastest = [
            test
            for each in (here - {""}, others)
            for test in sorted(each, key=lambda test: self.seconds.get(test, 0.0))
        ]
        past = list(accumulate(self.seconds.get(test, 0.0) for test in fastest))
        return [test for test, seconds in zip(fastest, past, strict=True) if seconds <= SECONDS_OF_TESTS] or fastest[:1]


def _statement(path: Path, line: int) -> range:
    """The lines of the statement that a line is part of; of a compound one, its head."""
    best = range(line, line + 1)
    size = sys.maxsize
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.stmt):
            continue
        body = getattr(node, "body", None)
        start = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
        end = body[0].lineno - 1 if isinstance(body, list) and body else node.end_lineno or node.lineno
        if start <= line <= max(end, node.lineno) and end - start < size:
            best, size = range(start, max(end, node.lineno) + 1), end - start
    return best


class _Watch:
    """A plugin of pytest that notes the time of every test, and tells the coverage whose lines come now."""

    def __init__(self, measured: coverage.Coverage):
        self.measured = measured
        self.seconds: dict[str, float] = defaultdict(float)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.measured.switch_context(item.nodeid)
        started = _computed()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] += _computed() - started
            self.measured.switch_context("")


def _computed() -> float:
    """The seconds for which this process and those that it has started and seen end have computed."""
    return sum(os.times()[:4])


def reached(paths: Sequence[Path], tests: Sequence[str]) -> dict[Path, Reached]:
    """Run tests without a fault, and see which of them reach which lines of some modules.

    Raises:
        TestsFailError: a test fails.
    """

    def look() -> dict[Path, Reached]:
        forget_project()  # what runs at import is to be seen, too
        measured = coverage.Coverage(data_file=None, include=[str(path) for path in paths])
        watch = _Watch(measured)
        measured.start()
        code = _pytest(["-m", "not slow", *tests], [watch])
        measured.stop()
        if code:
            raise TestsFailError
        data, found = measured.get_data(), {}
        for path in paths:
            by_line = data.contexts_by_lineno(str(path.resolve()))
            found[path] = Reached({line: set(names) for line, names in by_line.items()}, dict(watch.seconds))
        return found

    with tempfile.TemporaryFile() as file:

        def tell() -> None:
            file.write(pickle.dumps(look()))
            file.flush()

        child = _forked(tell)
        _, status = os.waitpid(child, 0)
        file.seek(0)
        if status or not (content := file.read()):
            raise TestsFailError(f"tests fail without any fault: {' '.join(tests)}")
        return pickle.loads(content)


@dataclass
class Trial:
    """The tests that run with one fault, in a process of their own."""

    fault: Fault
    child: int
    ends_at: float
    folder: Any

    @classmethod
    def start(cls, fault: Fault, tests: Sequence[str], seconds: float) -> Trial:
        folder = tempfile.TemporaryDirectory(prefix="mutant-")
        allowed = math.ceil(max(LEAST_SECONDS, 3 * seconds))

        def attempt() -> None:
            os.setpgid(0, 0)
            resource.setrlimit(resource.RLIMIT_CPU, (allowed, allowed))
            if not put_in(fault):
                forget_project()
                changed = _Changed(fault)
                sys.meta_path.insert(0, changed)
                importlib.import_module(changed.name)  # files of plugins are else read without asking who finds modules
            code = _pytest(["-x", f"--basetemp={folder.name}/tests", *tests], [])
            os._exit(int(code))

        return cls(fault, _forked(attempt), time.monotonic() + PATIENCE * allowed, folder)

    def noticed(self) -> bool | None:
        """Whether a test has failed, or never ended; None while they run."""
        pid, status = os.waitpid(self.child, os.WNOHANG)
        late = time.monotonic() > self.ends_at
        if not pid and not late:
            return None
        with_children(self.child, signal.SIGKILL)
        if not pid:
            os.waitpid(self.child, 0)
        self.folder.cleanup()
        return late or status != 0


def with_children(process: int, number: int) -> None:
    """Send a signal to a process and what it has started."""
    try:
        os.killpg(process, number)
    except ProcessLookupError:
        return


def put_in(fault: Fault) -> bool:
    """Put a fault into functions that are loaded already; False where it is outside of functions."""
    path = str(fault.path.resolve())
    pair = (compile(source, path, "exec") for source in (fault.path.read_text("utf-8"), fault.source))
    changed = _changed_function(*pair)
    if changed is None:
        return False
    functions = [each for each in gc.get_objects() if isinstance(each, FunctionType)]
    found = [each for each in functions if _place(each.__code__) == _place(changed)]
    if any(each.__code__.co_freevars != changed.co_freevars for each in found):
        return False
    for each in found:
        each.__code__ = changed
    return bool(found)


def _place(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _changed_function(before: CodeType, after: CodeType) -> CodeType | None:
    """The outermost function in which two versions of a code differ; None where it is not in functions alone."""
    inner = [[each for each in code.co_consts if isinstance(each, CodeType)] for code in (before, after)]
    own = [
        (code.co_code, code.co_names, [repr(each) for each in code.co_consts if not isinstance(each, CodeType)])
        for code in (before, after)
    ]
    if own[0] != own[1] or len(inner[0]) != len(inner[1]):
        return after if after.co_flags & inspect.CO_OPTIMIZED else None
    pairs = [(one, other) for one, other in zip(*inner, strict=True) if one != other]
    if len(pairs) != 1:
        return None
    if after.co_flags & inspect.CO_OPTIMIZED:
        return after
    return _changed_function(*pairs[0])


def forget_project() -> None:
    """Unload the project, so that it is imported anew; but for what is at work here."""
    for name in list(sys.modules):
        if name.split(".")[0] in ("harness", "tests", "experiments") and not name.startswith("tests.mutants"):
            del sys.modules[name]


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports one module with a fault in it, for faults outside of functions; the file stays as it is."""

    def __init__(self, fault: Fault):
        self.fault = fault
        self.name = ".".join(fault.path.with_suffix("").parts)

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.fault.path.resolve(), loader=self)

    def get_source(self, name: str) -> str:
        return self.fault.source

    def exec_module(self, module: Any) -> None:
        exec(compile(self.fault.source, str(self.fault.path.resolve()), "exec"), module.__dict__)


def _pytest(arguments: Sequence[str], plugins: list[Any]) -> int:
    # A failing example is enough: hypothesis need not look for a smaller one.
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
    hypothesis.settings.register_profile("mutants", phases=phases, database=None, derandomize=True, deadline=None)
    hypothesis.settings.load_profile("mutants")
    # Nor need it keep what it has found, or collect garbage to find what nobody has caught.
    without = ("cacheprovider", "unraisableexception", "threadexception")
    left_out = [word for name in without for word in ("-p", f"no:{name}")]
    return int(pytest.main(["-q", *left_out, *arguments], plugins))


def _forked(work: Callable[[], object]) -> int:
    """Do something in a fork; returns its process. It ends with 0 unless the work raises."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        nowhere = os.open(os.environ.get("MUTANTS_LOG", os.devnull), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        work()
        code = 0
    finally:
        sys.stdout.flush()
        os._exit(code)


def warm_up(tests: Sequence[str]) -> None:
    """Load what is heavy for all forks: libraries, and these tests with what they import."""
    import hydra  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import pandas  # noqa: F401
    import pyarrow.dataset
    import pyarrow.parquet  # noqa: F401
    import pydantic  # noqa: F401
    import scipy.stats  # noqa: F401
    import torch

    from harness.plugins.finding import KINDS
    from harness.plugins.registry import registry

    torch.set_num_threads(1)
    os.environ["CC"] = IN_A_HURRY
    for kind in KINDS:
        registry().of_kind(kind)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        _pytest(["--collect-only", *tests], [])
