"""Figures as files, rendered here and in processes of their own."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
from contextlib import closing, suppress
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure as Canvas

from harness.report.renderers import MOST_PROCESSES, Renderers, useful_processes
from harness.report.rendering import INK, styled, svg_and_png
from tests.helpers.drawn import figure
from tests.helpers.made_tables import made_tables
from tests.helpers.refusing import Refusing


@pytest.fixture
def two_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few figures and cores there are."""
    monkeypatch.setattr("harness.report.renderers.useful_processes", lambda panels: 2)


def test_svg_follows_dark_mode_and_png_is_on_white() -> None:
    with styled():
        drawn = figure("accuracy_map").draw(made_tables(lengths=(10,), scales=(0.9,)))
        assert drawn is not None
    svg, png = svg_and_png(drawn)
    assert "prefers-color-scheme:dark" in svg
    assert svg.count(INK) == 2  # in the style, for light mode and for print
    assert "currentColor" in svg
    image = plt.imread(io.BytesIO(png))
    np.testing.assert_array_equal(image[0, 0], 1.0)


class Unsendable(Canvas):
    """A figure that holds what no other process can be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.text(0.5, 0.5, "held")
        self.held = lambda: None


def canvas(word: str) -> Canvas:
    """A figure with a word on it."""
    with styled():
        drawn = Canvas(figsize=(2, 1), layout="constrained")
        drawn.subplots().set_title(word)
    return drawn


@pytest.mark.usefixtures("two_processes")
def test_processes_render_what_this_one_would() -> None:
    words = ["one", "two", "three", "four", "five"]
    with closing(Renderers(9)) as pool:
        under_way = [pool.render(canvas(word)) for word in words]
        found = [each.result() for each in under_way]
    assert found == [svg_and_png(canvas(word)) for word in words]
    assert len({svg for svg, _ in found}) == len(words)


@pytest.mark.usefixtures("two_processes")
def test_a_figure_that_cannot_be_sent_is_rendered_here() -> None:
    with closing(Renderers(9)) as pool:
        svg, _ = pool.render(Unsendable()).result()
    assert "</svg>" in svg


@pytest.mark.usefixtures("two_processes")
def test_what_rendering_raises_is_raised_where_it_was_asked_for() -> None:
    drawn = canvas("word")
    drawn.add_artist(Refusing())
    with closing(Renderers(9)) as pool, pytest.raises(ValueError, match="no ink"):
        pool.render(drawn).result()


@pytest.mark.parametrize("program", ["/no/such/python", shutil.which("false")])
@pytest.mark.usefixtures("two_processes")
def test_without_processes_there_are_pictures_all_the_same(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", program)
    with closing(Renderers(9)) as pool:
        assert pool.render(canvas("word")).result() == svg_and_png(canvas("word"))


@pytest.mark.parametrize(
    ("cores", "panels", "processes"), [(1, 90, 0), (2, 9, 0), (2, 90, 2), (64, 90, MOST_PROCESSES)]
)
def test_processes_are_started_only_where_they_pay(
    cores: int, panels: int, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)), raising=False)
    assert useful_processes(panels) == processes


@pytest.mark.usefixtures("two_processes")
def test_processes_end_with_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    class Noted(subprocess.Popen):
        def __init__(self, *arguments: Any, **options: Any):
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    with suppress(KeyError), closing(Renderers(9)) as pool:
        pool.render(canvas("word"))
        assert [each.poll() for each in started] == [None, None]
        raise KeyError
    assert [each.poll() for each in started] == [-signal.SIGKILL, -signal.SIGKILL]
