"""What the scripts that make pages share: figures as pictures, and commands as one types them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from harness.figures import Figure
from harness.report.rendering import styled, svg_and_png
from harness.tables import Tables

WIDTH = 1100
"""Pixels of a picture: the page is read beside the code, not printed."""


def picture(figure: type[Figure], tables: Tables) -> bytes | None:
    """The figure of these tables as PNG data; None where they hold nothing for it."""
    with styled():
        canvas = figure().draw(tables)
    return None if canvas is None else svg_and_png(canvas)[1]


def save(path: Path, png: bytes, colours: int) -> None:
    """Put a picture on the disk, smaller than it is in a report, in so many colours."""
    path.write_bytes(png)
    with Image.open(path) as image:
        image.thumbnail((WIDTH, WIDTH))
        image.convert("P", palette=Image.Palette.ADAPTIVE, colors=colours).save(path, optimize=True)


def typed(arguments: Sequence[str]) -> str:
    """A command as one types it, wherever its results go."""
    words = [word for word in arguments if not word.startswith("hydra.sweep.dir=")]
    return f"python -m harness {shlex.join(words)}"
