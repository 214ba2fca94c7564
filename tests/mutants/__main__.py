"""``python -m tests.mutants [MODULE …]``: how many small faults the fast tests notice."""

from __future__ import annotations

import argparse
import fnmatch
import json
import time
from collections import deque
from pathlib import Path

from tests.mutants.faults import Fault, sampled
from tests.mutants.modules import MODULES
from tests.mutants.trial import Reached, Trial, reached, warm


def main() -> None:
    """Try the faults of modules, print what was not noticed, and the score of each module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="paths or patterns; all that are listed in tests/mutants/modules.py")
    parser.add_argument("--share", type=float, default=1.0, help="try so many of the faults of a module, from 0 to 1")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of the faults")
    parser.add_argument("--workers", type=int, default=2, help="trials at a time")
    arguments = parser.parse_args()
    total = [0, 0]
    with warm():
        for names, tests in MODULES.items():
            paths = [Path("harness") / name for name in names.split()]
            wanted = arguments.modules or ["*"]
            paths = [path for path in paths if any(fnmatch.fnmatch(str(path), f"*{name}*") for name in wanted)]
            if not paths:
                continue
            found = reached(paths, tests.split())
            for path in paths:
                started = time.perf_counter()
                every = sampled(path, arguments.share, arguments.seed)
                missed = unnoticed(every, found[path], arguments.workers)
                for fault in missed:
                    print(fault)
                total[0] += len(every) - len(missed)
                total[1] += len(every)
                print(
                    f"{path}: {len(every) - len(missed)} of {len(every)} noticed"
                    f" ({1 - len(missed) / len(every):.0%}, {time.perf_counter() - started:.0f} s)", flush=True,
                )  # fmt: skip
    if total[1]:
        print(f"all: {total[0]} of {total[1]} noticed ({total[0] / total[1]:.0%})")


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
