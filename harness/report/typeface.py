"""A Chinese font that comes along, for systems that have none: in figures, and in the page the glyphs that it uses."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

FONT = Path(__file__).parent / "fonts/NotoSansSC-Regular.ttf"
FAMILY = "Noto Sans SC"

CSS_FAMILY = "Report Chinese"
"""How pages call the part of it that they bring. In the CSS it stands before all others, as it has Chinese alone: from
behind, Chromium shows boxes where it has laid out a text before the font was read."""

CHINESE = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")
"""What the fonts of Latin letters do not have: characters and their punctuation."""

RANGE = "U+2E80-9FFF,U+F900-FAFF,U+FF00-FFEF"
"""The same for CSS."""

IN_SCRIPTS = re.compile(r"\\u([0-9a-fA-F]{4})")
"""A character as JSON may write it."""


@cache
def families() -> list[str]:
    """What figures are written in: matplotlib's own font, and for what it does not have the Chinese one."""
    from matplotlib import font_manager

    font_manager.fontManager.addfont(FONT)
    (ours,) = (each for each in font_manager.fontManager.ttflist if each.name == FAMILY and each.fname == str(FONT))
    # There is one weight: without this, matplotlib warns of every word that is to be bold.
    font_manager.fontManager.ttflist.append(replace(ours, weight=700))
    return ["DejaVu Sans", FAMILY]


def with_font(page: str) -> str:
    """An HTML page with a font of the Chinese characters in it, in its head; as it is where there are none."""
    rule = font_face(page)
    return page.replace("</head>", f"<style>{rule}</style>\n</head>", 1) if rule else page


def font_face(text: str) -> str:
    """The CSS that defines the font `CSS_FAMILY` with the characters of a text; empty where it has none of them."""
    written = IN_SCRIPTS.sub(lambda code: chr(int(code[1], 16)), text)
    wanted = frozenset(CHINESE.findall(written))
    if not wanted:
        return ""
    data = base64.b64encode(_cut_down(wanted)).decode()
    source = f'src:url(data:font/woff;base64,{data}) format("woff")'
    return f'@font-face{{font-family:"{CSS_FAMILY}";unicode-range:{RANGE};{source}}}'


@cache
def _cut_down(characters: frozenset[str]) -> bytes:
    """The font with these characters alone, as WOFF: unlike WOFF2 it needs no further library."""
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    font = TTFont(FONT, recalcTimestamp=False, recalcBBoxes=False)
    cut = Subsetter(Options(layout_features=[], notdef_outline=True, hinting=False))
    cut.populate(text="".join(characters))
    cut.subset(font)
    font.flavor = "woff"
    file = io.BytesIO()
    font.save(file)
    return file.getvalue()
