from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from harness.base.errors import UserError
from harness.plugins import Registry, finding, registry, studies
from harness.plugins.__main__ import main
from tests.helpers.sweeps import ROOT


@pytest.fixture(autouse=True)
def found_anew():
    """What a test makes the registry find does not outlast it."""
    yield
    registry.cache_clear()


@pytest.fixture
def with_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A registry that finds these files in ``experiments``, besides all cells and figures."""

    def build(**files: str) -> Registry:
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.setattr(finding, "shipped_folder", lambda name: tmp_path)
        return Registry()

    return build


CELL = """
from harness.cells import Cell, Parameter
class {name}(Cell):
    '''A cell of somebody else.'''
    name = "{name}"
    def parameters(self, input_size, hidden_size):
        return {{"input": Parameter((input_size, hidden_size), "dense")}}
    def step(self, w, x, s):
        return {{"h": (x @ w.input).sin()}}
"""


def test_a_file_is_found_with_its_name_its_origin_and_its_first_line(with_files) -> None:
    found = with_files(mine=CELL.format(name="sine"))
    (plugin,) = [plugin for plugin in found.of_kind("cell") if plugin.name == "sine"]
    assert plugin.summary == "A cell of somebody else."
    assert plugin.origin.endswith("mine.py")


def test_broken_files_are_listed_with_their_reason_and_stop_nobody_else(with_files) -> None:
    found = with_files(
        fine=CELL.format(name="sine"),
        missing="import no_such_package",
        syntax="def",
        twice=CELL.format(name="lstm"),
    )
    assert "sine" in found.names("cell")
    reasons = {Path(broken.origin).stem: broken.reason for broken in found.broken}
    assert reasons.keys() == {"missing", "syntax", "twice"}
    assert "no_such_package" in reasons["missing"]
    assert "SyntaxError" in reasons["syntax"]
    assert "cells/gated/lstm.py" in reasons["twice"]


def test_folders_within_the_folders_are_searched(with_files, tmp_path: Path) -> None:
    (tmp_path / "family" / "_helpers").mkdir(parents=True)
    (tmp_path / "family" / "nested_sine.py").write_text(CELL.format(name="nested_sine"))
    (tmp_path / "family" / "_helpers" / "hidden_sine.py").write_text(CELL.format(name="hidden_sine"))
    found = with_files()
    plugin = found.find("cell", "nested_sine")
    assert plugin is not None
    assert plugin.origin.endswith("family/nested_sine.py")
    assert plugin.target.__module__ == "harness.experiments.family.nested_sine"
    assert found.find("cell", "hidden_sine") is None


def test_plugins_of_a_kind_are_imported_when_the_kind_is_asked_for() -> None:
    code = (
        "import sys; from harness.plugins import registry; registry().names('cell'); "
        "assert 'harness.cells.gated.lstm' in sys.modules; assert 'harness.figures.decay_map' not in sys.modules; "
        "registry().names('figure'); assert 'harness.figures.decay_map' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(finding.PACKAGE).parent)


def test_what_is_broken_in_an_added_file_is_told_without_its_neighbours(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(EXPERIMENT.format(name="mine") + CELL.format(name="lstm"))
    registry().add_files([path])
    assert [(broken.kind, broken.name) for broken in registry().broken_in_files()] == [("cell", "lstm")]
    assert registry().find("experiment", "mine") is not None


def test_asking_for_a_broken_plugin_gives_its_reason(with_files) -> None:
    found = with_files(missing="import no_such_package")
    with pytest.raises(UserError, match=r"missing\.py cannot be used: ModuleNotFoundError"):
        found.get("experiment", "missing")


def test_a_cell_that_figures_could_not_show_is_refused(with_files) -> None:
    odd, lost = (CELL.format(name=name) for name in ("odd", "lost"))
    found = with_files(odd=f"{odd}    colour = 'blue'\n", lost=f"{lost}    family = None\n")
    with pytest.raises(UserError, match=r"\.colour = 'blue'; valid: six hexadecimal digits, as in '#2f7fd1'"):
        found.get("cell", "odd")
    with pytest.raises(UserError, match=r"\.family = None; valid: a word"):
        found.get("cell", "lost")


def test_asking_for_what_is_not_there_names_what_is() -> None:
    with pytest.raises(UserError, match=r"cell=gruu: unknown cell \(did you mean 'gru'\?\); valid: gru, "):
        registry().get("cell", "gruu")


def test_every_plugin_says_what_it_is_in_its_first_line() -> None:
    assert not registry().broken
    for plugin in [plugin for kind in finding.KINDS for plugin in registry().of_kind(kind)]:
        assert len(plugin.summary) > 20, plugin.name


EXPERIMENT = """
from harness.experiment import Batch, Classes, Experiment
class {name}(Experiment):
    '''A task of somebody else.'''
    name = "{name}"
    claim = "It can be done."
    sweep = {{"seq_len": "4,5"}}
    defaults = {{"cell": "gru", "train.lr": 0.5}}
    input_size = property(lambda self: 3)
    outputs = property(lambda self: Classes(3))
    def chance(self, seq_len): return 1 / 3
    def sample(self, rng, batch_size, seq_len):
        row = rng.integers(3, size=(batch_size, seq_len))
        return Batch(row, row[:, :1])
"""


def test_one_bad_class_leaves_the_others_of_its_file_alone(with_files) -> None:
    found = with_files(
        mixed=CELL.format(name="sine")
        + """
from pydantic import Field
class Unfinished(Cell):
    name = "unfinished"
    def parameters(self, input_size, hidden_size): return {}
class Nameless(Cell):
    def parameters(self, input_size, hidden_size): return {}
    def step(self, w, x, s): return {"h": s.h}
class Shouting(Nameless):
    name = "No Name!"
class Valued(Nameless):
    name = "null"
class Demanding(Nameless):
    name = "demanding"
    needed: int
class Contradictory(Nameless):
    name = "contradictory"
    size: int = "many"
    model_config = {**Cell.model_config, "validate_default": True}
class Exotic(Nameless):
    name = "exotic"
    thing: object = object()
    model_config = {**Cell.model_config, "arbitrary_types_allowed": True}
"""
    )
    assert "sine" in found.names("cell")
    reasons = {broken.name: broken.reason for broken in found.broken}
    assert reasons["unfinished"] == "Unfinished does not define step"
    assert "name = None" in reasons["Nameless"]
    assert "valid: lower-case" in reasons["No Name!"]
    assert "read as a value" in reasons["null"]
    assert "needed" in reasons["demanding"]
    assert "size" in reasons["contradictory"]
    assert "Exotic.thing: no default for a configuration" in reasons["exotic"]


def test_a_figure_without_a_caption_is_broken_and_no_report_is(with_files) -> None:
    found = with_files(
        bare="""
from harness.figures import Figure
class Bare(Figure):
    name = "bare"
    title = "Bare"
    def draw(self, tables): return None
"""
    )
    assert [broken.reason for broken in found.broken] == ["Bare does not define caption"]


@pytest.mark.parametrize("name", ["runs", "curves", "gradients", "transport", "samples"])
def test_a_probe_named_like_a_table_is_refused_unless_it_adds_columns(with_files, name: str) -> None:
    text = f"""
from harness.probes import Probe
class Own(Probe):
    name = "{name}"
    adds = "{{adds}}"
    def measure(self, moment): return None
"""
    found = with_files(**{f"{name}_table": text.format(adds="table"), f"{name}_columns": text.format(adds="columns")})
    ((origin, reason),) = [(Path(broken.origin).stem, broken.reason) for broken in found.broken]
    assert origin == f"{name}_table"
    assert reason == f"Own.name = '{name}': a table of that name is there in any case; valid: another name"
    assert found.find("probe", name) is not None


def test_a_file_can_be_named_and_is_then_one_of_the_plugins(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(EXPERIMENT.format(name="mine"))
    assert "mine" not in registry().names("experiment")
    registry().add_files([path])
    found = registry().find("experiment", "mine")
    assert found is not None
    assert found.origin == str(path)
    assert studies()["mine"] == (str(path), "It can be done.")
    with pytest.raises(UserError, match="no such file"):
        registry().add_files([tmp_path / "not_there.py"])


def test_a_file_that_is_searched_anyway_is_not_added() -> None:
    found = Registry()
    found.add_files([ROOT / "harness" / "cells" / "gated" / "lstm.py"])
    assert found.files == []


def test_files_are_found_in_the_order_of_their_paths() -> None:
    sources = list(finding.shipped_sources())
    for kind in finding.KINDS:
        folder = finding.folder_of(kind)
        paths = [each.path for each in sources if each.path and each.path.is_relative_to(folder)]
        assert paths == sorted(paths)
        assert paths


def test_studies_of_ones_own_say_what_they_show_in_the_order_of_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "study"
    folder.mkdir(parents=True)
    names = [f"own_{letter}" for letter in "gcafdbe"]
    for name in names:
        (folder / f"{name}.yaml").write_text(f"# @package _global_\n\n# It shows {name}.\n# And more.\nseed: 1\n")
    (folder / "own_h.yaml").write_text("seed: 1\n")
    found = studies(str(folder.parent))
    own = {name: where for name, where in found.items() if name.startswith("own_")}
    assert [*own] == [*sorted(names), "own_h"]
    assert own["own_a"] == ("mine/study/own_a.yaml", "It shows own_a.")
    assert own["own_h"] == ("mine/study/own_h.yaml", "")
    assert found["dish"][0] == "conf/study/dish.yaml"


def test_all_are_listed_in_columns(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    registry.cache_clear()  # what tests of other files have added is not of this list
    (tmp_path / "mine.py").write_text(CELL.format(name="sine_of_mine"))
    assert main([str(tmp_path / "mine.py")]) == 0
    lines = capsys.readouterr().out.splitlines()
    (mine,) = (line for line in lines if line.startswith("cell  ") and " sine_of_mine " in line)
    assert " ".join(mine.split()) == f"cell sine_of_mine {tmp_path / 'mine.py'} A cell of somebody else."
    starts = [mine.index(word) for word in ("cell", "sine_of_mine", str(tmp_path), "A cell of")]
    for line in lines:  # each column begins at one place in all lines, behind two spaces
        assert all(line[start - 2 : start] == "  " and line[start] != " " for start in starts[1:])
    assert [sum(line.startswith(f"{kind} ") for line in lines) > 0 for kind in (*finding.KINDS, "study")]


def test_the_command_says_how_it_is_called_and_ends_with_what_came_of_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["plugins", "not_there.py"])
    with pytest.warns(RuntimeWarning, match="found in sys.modules"), pytest.raises(SystemExit) as left:
        runpy.run_module("harness.plugins.__main__", run_name="__main__")
    assert left.value.code == 1
    assert capsys.readouterr().err.startswith("harness.plugins: plugins=[not_there.py]: no such file")
    with pytest.raises(SystemExit):
        main(["--help"])
    assert capsys.readouterr().out.startswith("usage: python -m harness.plugins ")


def test_a_module_that_exits_is_only_broken(with_files) -> None:
    found = with_files(rude="raise SystemExit('bye')")
    assert [broken.reason for broken in found.broken] == ["SystemExit: bye (rude.py, line 1)"]


def test_a_module_of_the_harness_can_be_imported_by_its_name_after_plugins_were_found() -> None:
    lines = [
        "from harness.plugins.registry import registry",
        "found = registry().get('cell', 'rnn')",
        "import harness.cells.classic.rnn as rnn",
        "assert rnn.RNN is found",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
