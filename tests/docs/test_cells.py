"""The script that makes the page of all cells, on made tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.plugins.finding import import_file
from harness.tables.storage import write_tables
from tests.helpers.made_tables import made_tables
from tests.helpers.sweeps import ROOT


def test_every_cell_has_its_picture_its_numbers_and_its_equations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = made_tables(cells=("rnn", "lstm"), lengths=(6, 30), scales=(0.9, 1.0), steps=(0, 10))
    write_tables(tmp_path / "zoo" / "tables", tables)
    (tmp_path / "steps.csv").write_text("cell,K,T,B,H,way,cpu_ms\nrnn,9,100,32,64,a,20.4\nrnn,9,100,32,64,c,170\n")
    script = import_file("make_cells", ROOT / "docs" / "make_cells.py")
    monkeypatch.setattr(script, "DOCS", tmp_path)
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "gone.svg").touch()
    script.main(str(tmp_path / "zoo"), str(tmp_path))
    assert {path.name for path in (tmp_path / "cells").iterdir()} == {"rnn.svg", "lstm.svg"}
    assert (tmp_path / "cells" / "rnn.svg").read_text("utf-8").count("<polyline") == 2  # weight scales
    page = (tmp_path / "cells.md").read_text("utf-8")
    assert "of 9 networks at once" in " ".join(page.split())
    classic = page[page.index("## classic") : page.index("## gated")]
    picture = "![Gradient against lag](cells/rnn.svg)"
    assert f"| [`rnn`](#rnn) | {picture} | 0.900 | 1.000 | 100% | 13% | 100 | 20 |" in classic
    assert "| 100 | – |" in page[page.index("## gated") :]  # no step of an LSTM was timed
    assert "h_t = tanh(x_t · W_x + h_{t-1} · W_h + b)" in classic
