"""The script that makes the page of all probes, on made tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.plugins.finding import import_file
from harness.plugins.registry import registry
from harness.tables.storage import write_tables
from tests.figures.test_probed import with_memory
from tests.helpers.sweeps import ROOT


def test_every_probe_has_an_entry_and_pictures_of_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tables(tmp_path / "made" / "tables", with_memory())
    provenance = {"commands": [["-m", "probes=[memory]", "hydra.sweep.dir=made"]]}
    (tmp_path / "made" / "provenance.json").write_text(json.dumps(provenance))
    script = import_file("make_probes", ROOT / "docs" / "make_probes.py")
    monkeypatch.setattr(script, "DOCS", tmp_path)
    script.main([str(tmp_path / "made")])
    page = (tmp_path / "probes.md").read_text("utf-8")
    for plugin in registry().of_kind("probe"):
        assert f"\n## {plugin.name}\n" in page
    own = page.partition("## memory\n")[2].partition("\n## ")[0]
    assert "| `probes.memory.samples` | 500 |" in own
    assert "![Is the answer still in the state?](probes/memory.png)" in own
    assert "![How the path opens](probes/memory_over_training.png)" in own
    assert {path.name for path in (tmp_path / "probes").iterdir()} == {"memory.png", "memory_over_training.png"}
    assert "    python -m harness -m 'probes=[memory]'\n" in page
    assert "`harness.theory.mean_field`" in page


def test_every_probe_that_comes_with_the_harness_is_on_the_page_with_a_picture() -> None:
    page = (ROOT / "docs" / "probes.md").read_text("utf-8")
    for plugin in registry().of_kind("probe"):
        assert f"\n## {plugin.name}\n" in page
    for figure in registry().of_kind("figure"):
        if figure.target.probes:
            assert (ROOT / "docs" / "probes" / f"{figure.name}.png").exists()
