"""``python -m tests.mutants [MODULE …]``: how many small faults the fast tests notice."""

from __future__ import annotations

import argparse
import sys
import time
from collections import deque
from pathlib import Path

from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.faults import Fault, faults
from tests.mutants.modules import chosen
from tests.mutants.trial import Reached, TestsFailError, Trial, reached, warm_up


def main() -> None:
    """Try the faults of modules, print what was not noticed, and the score of each module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="words of their paths; not given: all of tests/mutants/modules.py")
    parser.add_argument("--most", type=int, default=sys.maxsize, help="try at most so many faults of a module")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of the faults")
    parser.add_argument("--workers", type=int, default=2, help="trials at a time")
    arguments = parser.parse_args()
    tried = missed = 0
    for paths, tests in chosen(arguments.modules):
        warm_up(tests)
        try:
            found = reached(paths, tests)
        except TestsFailError as error:  # where a machine is busy, one that waits for something may have failed
            print(f"{', '.join(map(str, paths))}: not tried: {error}", flush=True)
            continue
        for path in paths:
            started = time.perf_counter()
            every = [each for each in faults(path, arguments.most, arguments.seed) if not is_equivalent(each)]
            left = unnoticed(every, found[path], arguments.workers)
            tried, missed = tried + len(every), missed + len(left)
            print(*left, score(path, len(every), len(left)), sep="\n", end="")
            print(f" in {time.perf_counter() - started:.0f} s", flush=True)
    print(score("all", tried, missed))


def score(name: str | Path, tried: int, missed: int) -> str:
    """How many of so many faults were noticed, in words."""
    share = f"{1 - missed / tried:.0%}" if tried else "none to try"
    return f"{name}: {tried - missed} of {tried} noticed ({share})"


def is_equivalent(fault: Fault) -> bool:
    """Whether a fault is known to change nothing."""
    return (str(fault.path), *fault.change) in EQUIVALENT


def unnoticed(every: list[Fault], found: Reached, workers: int) -> list[Fault]:
    """Those faults with which no test fails, in their order."""
    waiting, running, missed = deque(every), [], []
    while waiting or running:
        while waiting and len(running) < workers:
            fault = waiting.popleft()
            if tests := found.tests_of(fault):
                running.append(Trial.start(fault, tests, sum(found.seconds[test] for test in tests)))
            else:
                missed.append(fault)
        for trial in list(running):
            if (noticed := trial.noticed()) is not None:
                running.remove(trial)
                if not noticed:
                    missed.append(trial.fault)
        time.sleep(0.02)
    return sorted(missed, key=every.index)


if __name__ == "__main__":
    main()
