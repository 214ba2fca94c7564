"""Reports in other languages: catalogues that are whole, a page in Chinese, its font, and the choice of a language."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import string
import warnings
from pathlib import Path
from typing import Any

import pytest
from fontTools.ttLib import TTFont
from omegaconf import DictConfig, OmegaConf

import harness
from harness.analysis.sentences import findings
from harness.base.errors import UserError
from harness.base.language import CATALOGUES, gettext, language, languages, ngettext, written_in
from harness.base.paths import shipped_folder
from harness.plugins.finding import import_file
from harness.plugins.registry import registry
from harness.report import __main__ as command
from harness.report.glossary import glossary
from harness.report.rendering import styled, svg_and_png
from harness.report.typeface import CHINESE, CSS_FAMILY, FONT, font_face
from harness.settings.conduct import conduct, run_settings
from harness.tables.storage import write_tables
from tests.helpers.drawn import figure
from tests.helpers.made_tables import made_tables
from tests.helpers.sweeps import QUICK, ROOT
from tests.helpers.sweeps import command as command_line
from tests.report.conftest import PROVENANCE

TRANSLATED = [each for each in languages() if each != "en"]


@pytest.fixture(scope="module")
def script() -> Any:
    return import_file("make_catalogues", ROOT / "docs" / "make_catalogues.py")


@pytest.fixture(scope="module")
def texts(script: Any) -> Any:
    return script.texts()


def po(name: str) -> Path:
    return CATALOGUES / name / "LC_MESSAGES" / "harness.po"


def fields(text: str) -> set[str]:
    """The names in braces that a pattern is filled by."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("name", TRANSLATED)
def test_every_text_of_the_code_is_translated_with_the_same_fields(name: str, script: Any, texts: Any) -> None:
    catalogue = script.read(po(name))
    wanted = {each.id for each in texts if each.id}
    known = {each.id: each.string for each in catalogue if each.id}
    assert wanted == set(known), "python docs/make_catalogues.py"
    for source, translated in known.items():
        several = [translated] if isinstance(translated, str) else translated
        assert all(several), source
        one = source if isinstance(source, str) else source[-1]
        assert all(fields(each) == fields(one) and each.count("{{") == one.count("{{") for each in several), source


@pytest.mark.parametrize("name", TRANSLATED)
def test_the_compiled_catalogue_is_what_the_text_compiles_to(name: str, script: Any) -> None:
    assert po(name).with_suffix(".mo").read_bytes() == script.compiled(script.read(po(name)))


def test_a_new_language_begins_with_one_file(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("harness.base.language", "make_catalogues"):
        monkeypatch.setattr(
            f"{module}.CATALOGUES" if module != "make_catalogues" else script,
            *([tmp_path] if module != "make_catalogues" else ["CATALOGUES", tmp_path]),
        )
    monkeypatch.setattr(script, "ROOT", tmp_path.parent)
    monkeypatch.setattr(script, "texts", lambda: _catalogue(script))
    script.main(["fr"])
    assert "2 texts, 2 to translate" in capsys.readouterr().out
    path = tmp_path / "fr" / "LC_MESSAGES" / "harness.po"
    path.write_text(path.read_text("utf-8").replace('msgid "yes"\nmsgstr ""', 'msgid "yes"\nmsgstr "oui"'), "utf-8")
    script.main([])
    assert "2 texts, 1 to translate" in capsys.readouterr().out
    assert languages() == ["en", "fr"]
    with written_in("fr"):
        assert (gettext("yes"), gettext("no"), language()) == ("oui", "no", "fr")


def _catalogue(script: Any) -> Any:
    found = script.Catalog()
    found.add("yes", locations=[("a.py", 0)])
    found.add("no", locations=[("a.py", 0)])
    return found


def test_texts_are_in_the_language_in_use_and_only_there() -> None:
    with written_in("zh"):
        assert gettext("weight scale") == "权重尺度"
        assert ngettext("{count} run", "{count} runs", 1).format(count=1) == "1 次运行"
        assert gettext("") == ""
        assert gettext("no such text") == "no such text"
    assert (gettext("weight scale"), language()) == ("weight scale", "en")
    with pytest.raises(UserError, match=r"^language=xx: unknown language; valid: en, zh$"), written_in("xx"):
        pass


def test_findings_and_the_glossary_are_chinese_sentences() -> None:
    with written_in("zh"):
        found, words = findings(made_tables()), glossary()
    assert found[0] == (
        "长度 40 步时，lstm（权重尺度 0.9，2 次运行）答对 100%。"
        "rnn（权重尺度 0.9，2 次运行）答对 13%：不比瞎猜（12.5%）好。"
    )
    for text in [*found, *(text for pair in words for text in pair)]:
        assert CHINESE.search(text), text
        assert not re.search(r"\b(the|of|steps|runs?|is)\b", text), text


@pytest.mark.parametrize("name", ["gradient_profile_init", "accuracy_map", "decay_map", "learning_curves"])
def test_figures_have_chinese_labels_and_a_font_that_has_them(name: str) -> None:
    with warnings.catch_warnings(), written_in("zh"), styled():
        warnings.simplefilter("error")  # matplotlib warns of characters that no font has
        canvas = figure(name).draw(made_tables(lengths=(8,), scales=(0.9, 1.1)))
        assert canvas is not None
        svg_and_png(canvas)
    said = [text.get_text() for text in canvas.findobj(lambda each: hasattr(each, "get_text"))]
    assert any(CHINESE.search(text) for text in said)


def test_the_font_has_every_character_of_the_repository() -> None:
    known = set(TTFont(FONT)["cmap"].getBestCmap())
    texts = [po("zh").read_text("utf-8"), *(path.read_text("utf-8") for path in (ROOT / "experiments").glob("*.py"))]
    assert {letter for text in texts for letter in CHINESE.findall(text) if ord(letter) not in known} == set()
    assert FONT.stat().st_size < 2e6
    assert (FONT.parent / "OFL.txt").exists()


def characters(page: str) -> set[int]:
    """Those of the font in a page."""
    data = re.search(r"data:font/woff;base64,([A-Za-z0-9+/=]+)", page)
    return set(TTFont(io.BytesIO(base64.b64decode(data[1])))["cmap"].getBestCmap()) if data else set()


def test_pages_take_chinese_from_the_font_that_they_bring_before_any_other() -> None:
    """From behind, Chromium shows boxes where it has laid out a text before the font was read."""
    styles = [path.read_text("utf-8") for path in (ROOT / "harness/report/templates").iterdir()]
    stacks = [stack for style in styles for stack in re.findall(r"[\d.]+px/[\d.]+ ([^;}]*system-ui)", style)]
    assert len(stacks) >= 2
    assert {stack.partition(",")[0] for stack in stacks} == {f'"{CSS_FAMILY}"'}


def test_a_page_brings_the_glyphs_that_it_uses_and_no_others() -> None:
    assert font_face("no Chinese") == ""
    rule = font_face(r"红烧排骨, \u8c46\u8150")
    assert characters(rule) == set(map(ord, "红烧排骨豆腐"))
    assert font_face(r"红烧排骨, \u8c46\u8150") == rule
    assert len(rule) < 6000


@pytest.fixture(scope="module")
def chinese(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of made tables, of a sweep that asked for Chinese, without pictures."""
    directory = tmp_path_factory.mktemp("chinese")
    write_tables(directory / "jobs" / "0" / "tables", made_tables(lengths=(10, 20)))
    (directory / "provenance.json").write_text(json.dumps({**PROVENANCE, "language": "zh"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.report.build.draw_all", lambda directory, everything: [])
        assert command.main([str(directory)]) == 0
    return directory


def test_a_report_is_in_the_language_of_its_sweep_or_the_one_that_is_asked_for(
    chinese: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (chinese / "report.html").read_text("utf-8")
    assert '<html lang="zh">' in page
    assert "瞎猜能对 12.5%。" in page
    assert set(map(ord, CHINESE.findall(page))) <= characters(page)
    assert command.main([str(chinese), "--language", "xx"]) == 1
    assert capsys.readouterr().err == "harness.report: language=xx: unknown language; valid: en, zh\n"
    assert (chinese / "report.html").read_text("utf-8") == page


def test_python_reads_and_writes_the_language_of_a_report(chinese: Path, tmp_path: Path, monkeypatch: Any) -> None:
    directory = tmp_path / "results"
    shutil.copytree(chinese, directory)
    monkeypatch.setattr("harness.report.build.draw_all", lambda directory, everything: [])
    tables = harness.load(directory)
    assert tables.language == "zh"
    assert any("有记忆" in each or "没有记忆" in each for each in tables.findings)
    assert '<html lang="en">' in tables.report(language="en").read_text("utf-8")
    assert '<html lang="en">' in tables.report().read_text("utf-8")  # is there already
    with pytest.raises(UserError, match="language=xx"):
        tables.report(language="xx")


def test_a_language_is_no_setting_of_a_run_and_one_that_is_not_there_is_refused() -> None:
    written = OmegaConf.load(shipped_folder("conf") / "config.yaml")
    assert isinstance(written, DictConfig)
    other = OmegaConf.merge(written, {"report": {"language": "zh"}})
    assert isinstance(other, DictConfig)
    assert run_settings(other) == run_settings(written)
    assert (conduct(other).report.language, conduct(written).report.language) == ("zh", "en")
    with pytest.raises(UserError, match=r"^report\.language=xx: valid: en, zh$"):
        conduct(OmegaConf.merge(written, {"report": {"language": "xx"}}))  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_sweep_reports_in_the_language_that_it_asks_for(tmp_path: Path) -> None:
    words = ("-m", *QUICK, "cell=rnn,lstm", "report.language=zh", "hydra.sweep.dir=out")
    done = command_line(tmp_path, *words, pictures=True)
    assert done.returncode == 0, done.stderr
    assert "单元" in done.stdout
    assert "权重尺度" in done.stdout or "瞎猜" in done.stdout or "次运行" in done.stdout
    assert '<html lang="zh">' in (tmp_path / "out" / "report.html").read_text("utf-8")
    again = command_line(tmp_path, "resume=out", "report.language=en")
    assert again.returncode == 0, again.stderr
    assert '<html lang="en">' in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_no_english_is_left_in_a_chinese_page(chinese: Path) -> None:
    """But for names, settings, commands, and what tables hold."""
    page = (chinese / "report.html").read_text("utf-8")
    body = re.sub(r"(?s)<(script|style|pre|code)\b.*?</\1>", "", page)
    shown = re.sub(r"<[^>]+>", "\n", body)
    english = [line.strip() for line in shown.splitlines() if re.search(r"\b(the|of|and|with|what|this)\b", line)]
    samples = [line for line in english if "today" in line or "which dish" in line or "RuntimeError" in line]
    assert [line for line in english if line not in samples] == []


def test_captions_and_claims_of_all_plugins_go_through_the_catalogue(texts: Any) -> None:
    known = {each.id for each in texts}
    for plugin in registry().of_kind("figure"):
        assert {plugin.target.title, plugin.target.caption} <= known
    for plugin in registry().of_kind("experiment"):
        assert plugin.target.claim in known
