"""An artist for tests of rendering, in a module that other processes import without the harness and its tests."""

from __future__ import annotations

from matplotlib.artist import Artist


class Refusing(Artist):
    """An artist that cannot be drawn."""

    def draw(self, renderer: object) -> None:
        raise ValueError("no ink")
