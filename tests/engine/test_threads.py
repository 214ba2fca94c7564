"""The threads of kernels: the same numbers on any number of them, and nothing changed for the rest of the process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from harness.engine.network import Network
from harness.engine.threads import kernel_threads, torch_on_one_thread
from tests.engine.test_engine import cross_entropy, make_data, make_network

ROOT = Path(__file__).parents[2]


def python(script: str) -> str:
    """What a script prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_within_the_context_torch_has_one_thread_and_kernels_have_what_torch_had() -> None:
    torch.set_num_threads(3)
    try:
        assert kernel_threads() == 3
        with torch_on_one_thread():
            assert (torch.get_num_threads(), kernel_threads()) == (1, 3)
            with torch_on_one_thread():
                assert (torch.get_num_threads(), kernel_threads()) == (1, 3)
            assert (torch.get_num_threads(), kernel_threads()) == (1, 3)
        assert torch.get_num_threads() == 3
        with pytest.raises(RuntimeError, match="over"), torch_on_one_thread():
            raise RuntimeError("over")
        assert (torch.get_num_threads(), kernel_threads()) == (3, 3)
        torch.set_num_threads(2)  # outside of the context kernels have what torch has, whatever it was before
        assert kernel_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_importing_and_running_changes_nothing_in_the_process() -> None:
    found = python("""
import os
import torch
torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))]).step()  # sets a variable of torch's own
before = dict(os.environ)
torch.set_num_threads(2)
import harness
from harness.training.pack import run
from harness.settings.members import members
from tests.conftest import BASE
torch.set_num_threads(2)  # importing the tests sets it
made = {**BASE, "cell": {"name": "gru"}, "engine": {"compile": True, "recompute": False}}
def fail(step):
    assert torch.get_num_threads() == 1
    raise RuntimeError("over")
print((run(members(made))["runs"].status == "ok").all(), torch.get_num_threads())
try:
    run(members(made), tick=fail)
except RuntimeError:
    print("failed", torch.get_num_threads())
print({key: value for key, value in os.environ.items() if before.get(key) != value})
""")
    assert found.splitlines() == ["True 2", "failed 2", "{}"]


def problem() -> tuple[Network, torch.Tensor, torch.Tensor]:
    network = make_network("lstm", members=3, features=4, hidden_size=16)
    return network, *make_data(network, steps=30, batch=40, scored=[30])


def gradients(threads: int, given: tuple[Network, torch.Tensor, torch.Tensor] | None = None) -> torch.Tensor:
    network, inputs, targets = given or problem()
    grad = torch.zeros_like(network.flat)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.no_grad(), torch_on_one_thread():
            network.gradients(inputs, [30], cross_entropy(targets), grad)
    finally:
        torch.set_num_threads(before)
    return grad


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_numbers_are_the_same_on_any_number_of_threads_again_and_again(threads: int) -> None:
    alone = gradients(1)
    for _ in range(20):
        assert torch.equal(gradients(threads), alone)


def test_several_threads_of_a_program_may_train_at_once() -> None:
    alone, found = gradients(1), []
    # Made beforehand: torch's generator of random numbers is one for all threads.
    problems = [problem() for _ in range(4)]
    callers = [threading.Thread(target=lambda own: found.append(gradients(2, own)), args=[own]) for own in problems]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(found) == 4
    assert all(torch.equal(each, alone) for each in found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_threads_of_its_own_and_no_more_than_asked_for() -> None:
    found = python("""
import os
from tests.engine.test_threads import gradients
def count():
    return len(os.listdir("/proc/self/task")) if os.path.exists("/proc/self/task") else None
expected = gradients(1)
before = count()
parent = gradients(3).equal(expected)
assert before is None or count() == before + 2
child = os.fork()
if not child:
    same = gradients(3).equal(expected)
    os._exit(0 if same and count() in (None, 3) else 1)
print(parent, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""")
    assert found.split() == ["True", "0"]
