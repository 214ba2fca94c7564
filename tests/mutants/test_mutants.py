"""The tool that looks for what tests do not notice: the faults it makes, and that it tells noticed ones from others."""

from __future__ import annotations

import ast
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.mutants import trial
from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.faults import Fault, faults
from tests.mutants.modules import MODULES, chosen


def changes(folder: Path, source: str) -> dict[str, list[str]]:
    """By kind of fault the changed lines of a module."""
    path = folder / "module.py"
    path.write_text(source)
    found: dict[str, list[str]] = {}
    for fault in faults(path):
        ast.parse(fault.source)
        assert fault.change[0].startswith(source.splitlines()[fault.line - 1].strip())
        found.setdefault(fault.operator, []).append(fault.change[1])
    return found


@pytest.mark.parametrize(
    ("line", "kind", "made"),
    [
        ("x = y.mean(1)", "SwapName", ["x = y.max(1)"]),
        ("x = any(y)", "SwapName", ["x = all(y)"]),
        ("x = 0.5 * y", "ScaleNumber", ["x = 0.52 * y"]),
        ("x = y + 3", "ChangeInteger", ["x = y + 4", "x = y + 2"]),
        ("x = f(1, axis=2)", "DropKeyword", ["x = f(1)"]),
        ("x = f(axis=2)", "DropKeyword", ["x = f()"]),
        ("x = f(a=1, b=2, **c)", "DropKeyword", ["x = f( b=2, **c)", "x = f(a=1, **c)"]),
        ("f(x)", "DropStatement", ["pass"]),
        ("x += y", "DropStatement", ["pass"]),
        ("x = y < z", "ReplaceComparisonOperator_Lt_LtE", ["x = y <= z"]),
        ("x = y and z", "ReplaceAndWithOr", ["x = y or z"]),
        ("x = y - z", "ReplaceBinaryOperator_Sub_Add", ["x = y + z"]),
        ("@cache\ndef f(): pass", "RemoveDecorator", ["def f(): pass"]),
    ],
)
def test_faults_are_those_that_a_person_might_make(tmp_path: Path, line: str, kind: str, made: list[str]) -> None:
    assert changes(tmp_path, line + "\n")[kind] == made


def test_what_does_nothing_when_a_program_runs_is_left_as_it_is(tmp_path: Path) -> None:
    source = '"""Text: 3 + 4."""\nif TYPE_CHECKING:\n    x = 3\ndef f(a: int | None) -> Literal[3]:\n    b: list[3]\n'
    source += "z = zip(x, y, strict=True)\n"
    assert changes(tmp_path, source) == {}


def test_some_of_the_faults_are_the_same_every_time(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("".join(f"x{n} = y + {n}\n" for n in range(20)))
    every, some = faults(path), faults(path, 15, seed=0)
    assert (len(every), len(some)) == (60, 15)  # a sign, one more, one less
    assert set(some) < set(every)
    assert some == faults(path, 15, seed=0)
    assert some != faults(path, 15, seed=1)
    assert [fault.line for fault in some] == sorted(fault.line for fault in some)
    assert faults(path, 100) == every


def test_every_pattern_names_modules_and_every_test_is_there() -> None:
    for patterns, tests in MODULES.items():
        for pattern in patterns.split():
            assert list(Path("harness").glob(pattern)), pattern
        for each in tests.split():
            assert Path(each).exists(), each
    found = chosen(["measure/flow"])
    assert found == [([Path("harness/measure/flow.py")], ["tests/measure/test_gradient_flow.py"])]


def test_faults_that_are_said_to_change_nothing_are_of_lines_that_there_are() -> None:
    for (path, before, after), reason in EQUIVALENT.items():
        there = [line.strip() for line in Path(path).read_text("utf-8").splitlines()]
        there += [" ".join(pair) for pair in list(pairwise(there))]  # a decorator, and what it is of
        assert before in there, (path, before)
        assert before != after
        assert reason, (path, before)


def test_a_trial_has_the_fastest_tests_for_some_time_and_one_at_least(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "module.py"
    path.write_text("x = 1\n")
    fault = Fault(path, "ChangeInteger", 1, "x = 2\n", ("x = 1", "x = 2"))
    found = trial.Reached({1: {"a", "b", "c", ""}}, {"a": 3.0, "b": 1.0, "c": 2.0, "d": 0.1})
    for most, tests in (
        (10, ["b", "c", "a", "d"]),
        (6, ["b", "c", "a"]),
        (5, ["b", "c"]),
        (3, ["b", "c"]),
        (2.9, ["b"]),
        (0.5, ["b"]),
    ):
        monkeypatch.setattr(trial, "SECONDS_OF_TESTS", most)
        assert found.tests_of(fault) == tests
    assert trial.Reached({2: {"a"}}, {"a": 1.0}).tests_of(fault) == []


TESTS = """
import sys
from importlib.util import module_from_spec, spec_from_file_location

from harness.module import double, least

def test_limit():
    if (name := "harness.plugin") not in sys.modules:  # as plugins are found, by their files
        spec = spec_from_file_location(name, "harness/plugin.py")
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    assert sys.modules[name].LIMIT == 2

def test_double():
    assert double(3) == 6

def test_hangs_unless_right():
    while least(1, 2) != 1:
        pass
"""

MODULE = """
def double(x):
    return x + x

def least(a, b):
    return min(a, b)

def unused(x):
    return x + 1
"""


def test_noticed_faults_are_told_from_others(tmp_path: Path) -> None:
    """In a process of its own, on a package of its own, that happens to be called like this one."""
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness/__init__.py").write_text("")
    (tmp_path / "harness/module.py").write_text(MODULE)
    (tmp_path / "harness/plugin.py").write_text("LIMIT = 2\n")
    (tmp_path / "test_module.py").write_text(TESTS)
    code = (
        "from pathlib import Path\n"
        "from tests.mutants import __main__ as mutants, trial\n"
        "from tests.mutants.faults import faults\n"
        "trial.LEAST_SECONDS = 3\n"
        "paths = [Path('harness/module.py'), Path('harness/plugin.py')]\n"
        "found = trial.reached(paths, ['test_module.py'])\n"
        "for path in paths:\n"
        "    every = faults(path)\n"
        "    missed = mutants.unnoticed(every, found[path], 2)\n"
        "    print(len(every), [fault.line for fault in missed], mutants.score('m', len(every), len(missed)))\n"
    )
    root = Path(__file__).parents[2]
    (tmp_path / "tests").symlink_to(root / "tests")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.stdout == "5 [9, 9, 9] m: 2 of 5 noticed (40%)\n2 [] m: 2 of 2 noticed (100%)\n", done.stderr
    assert (tmp_path / "harness/module.py").read_text() == MODULE
