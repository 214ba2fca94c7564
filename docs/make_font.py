"""``python docs/make_font.py NotoSansCJK-Regular.ttc``: the Chinese font of reports, cut down from Noto Sans CJK.

The source is Noto Sans CJK 2.004 of https://github.com/notofonts/noto-cjk (SIL Open Font License 1.1), which Debian and
Ubuntu pack as ``fonts-noto-cjk``. The font of the package has the 3,755 commonest characters (GB 2312, level 1),
Chinese punctuation, and whatever else the repository's own texts hold. Its outlines are TrueType's, not the
PostScript ones of the source: such a font is cut down to a page's characters ten times as fast.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection, TTFont, newTable

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "harness/report/fonts/NotoSansSC-Regular.ttf"
NAME = "Noto Sans SC"
PUNCTUATION = "·–—‘’“”…、。〈〉《》「」『』【】〔〕〖〗〜￥" + "".join(map(chr, range(0xFF01, 0xFF5F)))


def common() -> str:
    """The characters of GB 2312, level 1."""
    rows = (bytes([row, place]) for row in range(0xB0, 0xD8) for place in range(0xA1, 0xFF))
    return b"".join(rows).decode("gb2312", errors="ignore")


def own() -> str:
    """All that is not Latin in the repository's programs, settings and catalogues."""
    files = [
        path
        for folder in ("harness", "experiments", "conf")
        for ending in ("py", "po", "yaml", "j2", "txt", "csv")
        for path in (ROOT / folder).rglob(f"*.{ending}")
    ]
    return "".join(sorted({letter for path in files for letter in path.read_text() if ord(letter) > 0x2E7F}))


def with_truetype_outlines(font: TTFont) -> None:
    """Replace cubic curves by quadratic ones that are off by a thousandth of the type's size at most."""
    glyphs, outlines = font.getGlyphSet(), {}
    for name in font.getGlyphOrder():
        pen = TTGlyphPen(glyphs)
        glyphs[name].draw(Cu2QuPen(pen, max_err=1.0, reverse_direction=True))
        outlines[name] = pen.glyph()
    font["loca"], font["glyf"] = newTable("loca"), newTable("glyf")
    font["glyf"].glyphOrder, font["glyf"].glyphs = font.getGlyphOrder(), outlines
    del font["CFF "]
    for name, outline in outlines.items():
        outline.recalcBounds(font["glyf"])
        font["hmtx"][name] = (font["hmtx"][name][0], getattr(outline, "xMin", 0))
    least = font["maxp"] = newTable("maxp")
    least.tableVersion, least.numGlyphs = 0x00010000, len(outlines)
    least.maxZones, least.maxComponentElements = 1, 0
    for key in (
        "maxTwilightPoints", "maxStorage", "maxFunctionDefs", "maxInstructionDefs", "maxStackElements",
        "maxSizeOfInstructions",
    ):  # fmt: skip
        setattr(least, key, 0)
    font["post"].formatType, font["post"].extraNames, font["post"].mapping = 3.0, [], {}
    font.sfntVersion = "\000\001\000\000"


def main(source: str) -> None:
    """Cut the font down and write it."""
    names = (font["name"].getDebugName(1) for font in TTCollection(source, lazy=True).fonts)
    font = TTFont(source, fontNumber=list(names).index("Noto Sans CJK SC"), recalcTimestamp=False)
    options = Options(layout_features=[], notdef_outline=True, name_IDs=[0, 1, 2, 4, 6, 13, 14], hinting=False)
    options.drop_tables += ["BASE", "VORG", "vhea", "vmtx", "GSUB", "GPOS"]
    cut = Subsetter(options)
    cut.populate(text=common() + PUNCTUATION + own())
    cut.subset(font)
    for name, value in ((1, NAME), (4, NAME), (6, "NotoSansSC-Regular")):
        for record in [each for each in font["name"].names if each.nameID == name]:
            record.string = value
    with_truetype_outlines(font)
    TARGET.parent.mkdir(exist_ok=True)
    font.save(TARGET)
    print(f"{TARGET.relative_to(ROOT)}: {len(font.getBestCmap())} characters, {TARGET.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
