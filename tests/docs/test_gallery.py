"""The script that makes the gallery page, on small sweeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.plugins.finding import import_file
from tests.helpers.sweeps import QUICK, ROOT, command

SMALL = [*QUICK, "train.steps=2", "probe.every=2", "seed=0"]


@pytest.mark.slow
def test_a_study_with_a_probe_has_an_entry_of_its_own_beside_those_of_experiments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for study in ("gates", "dish"):
        made = command(
            tmp_path, "-m", f"+study={study}", *SMALL, "cell=lstm", "weight_scale=1.0", f"hydra.sweep.dir={study}"
        )
        assert made.returncode == 0, made.stderr
    script = import_file("make_gallery", ROOT / "docs" / "make_gallery.py")
    monkeypatch.setattr(script, "DOCS", tmp_path / "docs")
    (tmp_path / "docs").mkdir()
    script.main([str(tmp_path / "gates")])
    script.main([str(tmp_path / "dish")])
    assert {path.name for path in (tmp_path / "docs" / "gallery").iterdir()} == {
        "gates.md", "gates.png", "recall_dish.md", "recall_dish.png", "recall_dish-gradient.png",
    }  # fmt: skip
    page = (tmp_path / "docs" / "gallery.md").read_text("utf-8")
    assert page.index("## gates") < page.index("## recall_dish")
    gates = (tmp_path / "docs" / "gallery" / "gates.md").read_text("utf-8")
    assert "three gates around its main plot line" in gates
    assert "![What the gates do](gallery/gates.png)" in gates
    assert "hydra.sweep.dir" not in page
    dish = page.partition("## recall_dish")[2]
    assert "**Claim.**" in dish
    assert "after training](gallery/recall_dish-gradient.png)" in dish
