"""Names of pictures."""

from __future__ import annotations

from pathlib import Path

from harness.report.parts import of_runs
from harness.report.pictures import wanted
from tests.helpers.made_tables import made_tables


def test_two_versions_never_share_a_file_not_even_where_case_does_not_count() -> None:
    tables = made_tables(cells=("rnn",), lengths=(10,), scales=(0.9,))
    words = [
        "label=a/b",
        "label=a b",
        "label=A_B",
        "label=a_b",
        "label=<b>",
        "label=菜",
        "label=",
        "label=" + 300 * "x",
    ]
    parts = [(version, of_runs(tables, tables.runs)) for version in words]
    names = [each.name for each in wanted("recall_dish", tables, parts, "") if not each.figure.across_versions]
    assert len({name.casefold() for name in names}) == len(names)
    assert all(name == Path(name).name and len(name) < 200 and name.isascii() for name in names)
    plain = {
        each.name for each in wanted("recall_dish", tables, [("running=True", tables), ("running=False", tables)], "")
    }
    assert "accuracy_map-running_True" in plain
