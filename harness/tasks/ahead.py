"""The batches of a training, one after another; the next one may be drawn while a GPU works on the one before."""

from __future__ import annotations

import threading
from collections.abc import Callable

from harness.tasks.data import Data
from harness.tasks.drawn import Drawn
from harness.tasks.streams import Position, Streams

PATIENCE = 5.0
"""Seconds that a batch which nobody will look at may take to its end, before it is left alone."""


class Batches:
    """Batches of streams in their order: the same ones, whether they are drawn ahead or not.

    A batch is drawn by a thread of its own; what was drawn is sent to the device by the one who asks for it. CUDA
    refuses copies by one thread while another one captures a graph.

    Args:
        streams: where they come from. It is to be used by nobody else before `undo`.
        draw: draws the next batch of streams, given its length.
        ahead: whether to draw ahead.
    """

    def __init__(self, streams: Streams, draw: Callable[[Streams, int], Drawn], ahead: bool):
        self.streams = streams
        self._draw, self._ahead = draw, ahead
        self._next: _Drawing | None = None

    def next(self, length: int, following: int | None) -> Data:
        """The next batch.

        Args:
            length: its length; what was said of it before, if anything was.
            following: the length of the one after it; None: there is none.

        Raises:
            UserError: what is wrong with this batch, also where it was drawn ahead.
        """
        found = self._next.result() if self._next else self._draw(self.streams, length)
        self._next = None
        if self._ahead and following is not None:
            self._next = _Drawing(self.streams.position, lambda: self._draw(self.streams, following))
        return found.on(self.streams.device)

    @property
    def at_a_beginning(self) -> bool:
        """Whether the next batch starts new sequences."""
        return not self._next.position.pending if self._next else self.streams.at_a_beginning

    def wait(self) -> None:
        """Wait until nothing is being drawn: a task that is asked for other samples is asked by one at a time."""
        if self._next:
            self._next.thread.join()

    def undo(self) -> None:
        """Put back a batch that was drawn ahead, so that the streams are where they would be without it."""
        if self._next:
            self._next.thread.join()
            self.streams.go_to(self._next.position)
            self._next = None

    def close(self) -> None:
        """Leave nothing running behind, but for a task that comes to no end."""
        if self._next:
            self._next.thread.join(PATIENCE)


class _Drawing:
    """A batch that is being drawn.

    Attributes:
        position: where the streams were before it.
    """

    def __init__(self, position: Position, draw: Callable[[], Drawn]):
        self.position = position
        self._draw = draw
        self._found: Drawn | None = None
        self._error: BaseException | None = None
        # A daemon: a task that never comes to an end must not keep the program from its own.
        self.thread = threading.Thread(target=self._run, name="drawing ahead", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._found = self._draw()
        except BaseException as error:
            self._error = error

    def result(self) -> Drawn:
        self.thread.join()
        if self._error is not None:
            raise self._error
        assert self._found is not None
        return self._found
