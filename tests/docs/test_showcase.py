"""What is kept in ``results/showcase`` is what the code makes.

Settings, names and shapes of tables are the same everywhere, and so is what is measured before the training, but for
rounding. Training multiplies the rounding of another processor: after it, what all seeds of a condition agree in is the
same, and every number, and so every sentence, where the processor is alike.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import harness
from harness.plugins.finding import import_file
from harness.report.build import build
from harness.tables.varied import settings_of
from tests.helpers.sweeps import ROOT

SCRIPT = import_file("make_showcase", ROOT / "docs" / "make_showcase.py")
KEPT = ROOT / SCRIPT.PLACE
BEFORE_TRAINING = ["decay_rate_init", "grad_ratio_init", "decay_rate_theory", "chance", "cue_step", "answer_step"]

FILES = re.compile(r"report\.(html|md)|provenance\.json|figures/\w[\w.-]*\.png|tables/\w+\.(parquet|csv)")

pytestmark = pytest.mark.skipif(not KEPT.is_dir(), reason="a source archive has no results")


@pytest.fixture(scope="module")
def kept() -> harness.Results:
    return harness.load(KEPT)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> harness.Results:
    """The sweep anew, with a report whose pictures are empty."""
    from tests.conftest import EMPTY

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.report.renderers.useful_processes", lambda panels: 0)
        patch.setattr("harness.report.renderers.svg_and_png", lambda canvas: EMPTY)
        found: harness.Results = SCRIPT.sweep(tmp_path_factory.mktemp("showcase") / "sweep")
    return found


def same_to_the_bit(one: harness.Results, other: harness.Results) -> bool:
    return all(one[name].drop(columns="seconds", errors="ignore").equals(other[name].drop(columns="seconds",
               errors="ignore")) for name in one)  # fmt: skip


def test_it_is_small_and_holds_a_report_its_figures_and_tables_and_nothing_else() -> None:
    files = [path for path in KEPT.rglob("*") if path.is_file()]
    assert [path for path in files if not FILES.fullmatch(path.relative_to(KEPT).as_posix())] == []
    assert sum(path.stat().st_size for path in files) < SCRIPT.MOST
    named = re.findall(r"\]\((figures/[^)]+)\)", (KEPT / "report.md").read_text("utf-8"))
    assert named
    assert all((KEPT / name).is_file() for name in named)


def test_it_says_the_command_and_nothing_of_the_machine() -> None:
    texts = [(KEPT / name).read_text("utf-8") for name in ("report.md", "provenance.json")]
    assert all(SCRIPT.COMMAND in text for text in texts)
    assert not re.search(r"/home/|/root/|/tmp/|/Users/|Linux-|cores", " ".join(texts))


def test_the_words_of_the_command_are_the_settings_of_the_sweep() -> None:
    words = ["cell=feedforward,rnn,lstm", "seq_len=20,80", "weight_scale=0.8,1.2", "seed=0,1,2", "probe.every=150"]
    assert f"python -m harness -m +study=dish {' '.join(words)}" == SCRIPT.COMMAND


@pytest.mark.slow
def test_the_page_is_what_the_code_makes_of_the_tables(
    kept: harness.Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_pictures: None
) -> None:
    place = tmp_path / SCRIPT.PLACE
    place.mkdir(parents=True)
    (place / "provenance.json").write_bytes((KEPT / "provenance.json").read_bytes())
    monkeypatch.chdir(tmp_path)
    build(SCRIPT.PLACE, kept)
    assert (place / "report.md").read_text("utf-8") == (KEPT / "report.md").read_text("utf-8"), "run make showcase"


@pytest.mark.slow
def test_the_sweep_has_the_same_runs_and_tables(kept: harness.Results, made: harness.Results) -> None:
    assert set(kept) == set(made)
    settings = ["run_id", *settings_of(kept.runs)]
    pd.testing.assert_frame_equal(kept.runs[settings], made.runs[settings])
    for name in kept:
        assert list(kept[name]) == list(made[name])
    assert kept.runs.status.tolist() == made.runs.status.tolist()


@pytest.mark.slow
def test_what_is_measured_before_the_training_is_the_same_but_for_rounding(
    kept: harness.Results, made: harness.Results
) -> None:
    for column in BEFORE_TRAINING:
        np.testing.assert_allclose(kept.runs[column], made.runs[column], rtol=1e-3, err_msg=column)
    for name in ("gradients", "transport"):
        one, other = (tables[name].query("step == 0").reset_index(drop=True) for tables in (kept, made))
        assert one.drop(columns=[key for key in one if one[key].dtype == float]).equals(
            other.drop(columns=[key for key in other if other[key].dtype == float])
        )
        np.testing.assert_allclose(one.grad_norm, other.grad_norm, rtol=1e-3)


@pytest.mark.slow
def test_what_all_seeds_agree_in_after_the_training_is_the_same(kept: harness.Results, made: harness.Results) -> None:
    condition = ["cell", "seq_len", "weight_scale"]
    one, other = (tables.runs.groupby(condition).accuracy.agg(["min", "mean", "max"]) for tables in (kept, made))
    agreed = (one["min"] > 0.95) | (one["max"] < 0.2)
    assert agreed.sum() >= len(one) / 2
    np.testing.assert_allclose(one["mean"][agreed], other["mean"][agreed], atol=0.1)


@pytest.mark.slow
def test_the_findings_are_the_same(kept: harness.Results, made: harness.Results) -> None:
    if same_to_the_bit(kept, made):
        assert kept.findings == made.findings
    else:  # another processor rounds in another way
        before = [[line for line in tables.findings if "Before training" in line] for tables in (kept, made)]
        assert before[0] == before[1]
