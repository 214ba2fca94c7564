"""Figures as files: SVG that follows the reader's light or dark mode, PNG on white."""

from __future__ import annotations

import io
import re
from contextlib import AbstractContextManager
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from matplotlib.transforms import Bbox

from harness.report.typeface import families

INK = "#1a1b1c"
"""The colour of all text and lines that belong to no data; SVGs replace it by the reader's text colour."""

DARK_INK = "#e4e4e2"
DPI = 140

ADAPTS = (
    f"<style>:root{{color:{INK}}}@media (prefers-color-scheme:dark){{:root{{color:{DARK_INK}}}}}"
    f"@media print{{:root{{color:{INK}}}}}</style>"
)

STYLE: dict[Any, Any] = {
    **dict.fromkeys(["text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"], INK),
    **dict.fromkeys(["figure.facecolor", "axes.facecolor", "legend.facecolor"], "none"),
    **dict.fromkeys(["figure.autolayout", "figure.constrained_layout.use"], False),
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "harness",
}


def styled() -> AbstractContextManager[None]:
    """The style in which all figures are drawn."""
    return mpl.rc_context({**STYLE, "font.family": families()})


def svg_and_png(canvas: Canvas) -> tuple[str, bytes]:
    """A drawn figure as SVG text, transparent and in currentColor, and as PNG data on white.

    Its layout is worked out here, once for both, and is fixed from then on.
    """
    with styled():
        area = arrange(canvas)
        return _as_svg(canvas, area), _as_png(canvas, area)


def svg_alone(canvas: Canvas) -> str:
    """The first of `svg_and_png`, for a page that needs no other."""
    with styled():
        return _as_svg(canvas, arrange(canvas))


def _as_svg(canvas: Canvas, area: Bbox) -> str:
    text = io.StringIO()
    canvas.savefig(text, format="svg", transparent=True, bbox_inches=area, metadata={"Date": None}, dpi=DPI)
    head, tag, rest = text.getvalue().partition("<svg ")
    attributes, close, body = rest.partition(">")
    return f"{head}{tag}{attributes}{close}{ADAPTS}{body.replace(INK, 'currentColor')}"


def _as_png(canvas: Canvas, area: Bbox) -> bytes:
    image = io.BytesIO()
    canvas.savefig(image, format="png", facecolor="white", bbox_inches=area, dpi=DPI)
    return image.getvalue()


def arrange(canvas: Canvas) -> Bbox:
    """Fix the layout of a figure.

    Returns:
        The part of it that is drawn on, with a margin, in inches. ``bbox_inches="tight"`` would look for it anew by
        each file, and a layout engine that is still in place would work: both take as long as the drawing.
    """
    canvas.set_dpi(DPI)
    FigureCanvasAgg(canvas)  # from now on it measures text as the PNG shows it
    if engine := canvas.get_layout_engine():
        engine.execute(canvas)
        canvas.set_layout_engine(None)  # with the style above: none
    return canvas.get_tightbbox().padded(mpl.rcParams["savefig.pad_inches"])


def width_in_ems(svg: str) -> float:
    """The width of a picture made by `svg_and_png`, in units of the size of its type."""
    points = re.search(r'<svg [^>]*?\bwidth="([\d.]+)pt"', svg)
    assert points is not None
    return float(points[1]) / STYLE["font.size"]
