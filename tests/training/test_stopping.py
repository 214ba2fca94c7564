"""Stopping a pack: between steps where somebody asks for it, within a step where it hangs."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from harness.training import stopping
from harness.training.stopping import Stopping, TimedOut


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_asks_to_stop_waits_for_the_end_of_the_step(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(number)
    with Stopping(None) as made:
        made.check()
        assert not made.asked
        os.kill(os.getpid(), number)
        assert made.asked
        with pytest.raises(KeyboardInterrupt):
            made.check()
    assert signal.getsignal(number) is before
    said = capsys.readouterr().err
    assert said == "\nstopping at the end of this training step; once more stops at once\n"


def test_who_asks_twice_stops_at_once() -> None:
    with Stopping(None) as made:
        os.kill(os.getpid(), signal.SIGINT)
        assert made.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_step_that_does_not_end_after_that_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "PATIENCE", 0.05)
    with Stopping(None):
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            time.sleep(5)


def test_a_step_that_hangs_ends_at_the_limit_and_again_where_a_plugin_catches_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stopping, "ALARM_AGAIN", 0.05)
    words = r"took longer than sweep\.timeout=0\.05 seconds"
    started = time.monotonic()
    with Stopping(0.05):
        with pytest.raises(TimedOut, match=words):
            time.sleep(5)
        with pytest.raises(TimedOut, match=words):
            time.sleep(5)
    assert 0.1 <= time.monotonic() - started < 4
    time.sleep(0.12)  # nothing rings any more


def test_between_steps_the_limit_holds_in_any_thread() -> None:
    raised: list[BaseException] = []

    def work() -> None:
        with Stopping(0.02) as made:
            made.check()
            time.sleep(0.04)
            try:
                made.check()
            except TimedOut as error:
                raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [str(error) for error in raised] == ["took longer than sweep.timeout=0.02 seconds"]


def test_without_a_limit_and_a_wish_nothing_stops() -> None:
    with Stopping(None) as made:
        made.check()
        assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0
    with Stopping(1000) as made:
        made.check()
        left, again = signal.getitimer(signal.ITIMER_REAL)
        assert 990 < left <= 1000
        assert again == stopping.ALARM_AGAIN
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
