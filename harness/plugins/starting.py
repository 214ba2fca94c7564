"""``python -m harness.plugins new KIND NAME``: a file to start a plugin from, and its test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.base.errors import UserError
from harness.base.files import write_text
from harness.plugins.checks import NAMES, is_name
from harness.plugins.finding import KINDS, folder_of
from harness.plugins.listing import parser
from harness.plugins.registry import registry

TEMPLATES = Path(__file__).parent / "templates"

HOW_TO_RUN = {"experiment": "experiment={}", "cell": "cell={}", "probe": "'probes=[{}]'", "figure": ""}


def start_plugin(words: Sequence[str]) -> None:
    """Write a commented starting file and its test, and print what can be done with them.

    Raises:
        UserError: the name cannot be used, or there are such files already; nothing has been written.
    """
    reads = parser("python -m harness.plugins new", "Write a commented starting file of a plugin, and its test.")
    reads.add_argument("kind", choices=KINDS, help="what to start")
    reads.add_argument("name", help="its name: lower-case letters, digits and _")
    reads.add_argument("--into", type=Path, default=Path(), metavar="DIR", help="where to write; default: here")
    asked = reads.parse_args(words)
    kind, name, into = asked.kind, asked.name, asked.into
    _check_free(kind, name)
    texts = _texts(kind, name)
    if present := [path for path in (into / file for file in texts) if path.exists()]:
        raise UserError(f"{present[0]}: exists already; valid: another name, or --into another folder")
    for file, text in texts.items():
        write_text(into / file, text)
    _print_next_steps(kind, name, into)


def _check_free(kind: str, name: str) -> None:
    if not is_name(name):
        raise UserError(f"name={name}: valid: {NAMES}")
    if taken := registry().find(kind, name):
        raise UserError(f"name={name}: taken by the {kind} in {taken.origin}; valid: another name")


def _texts(kind: str, name: str) -> dict[str, str]:
    """The files to write, by name."""
    templates = {
        f"{name}.py": f"{kind}.py.txt",
        f"test_{name}.py": "test_figure.py.txt" if kind == "figure" else "test.py.txt",
    }
    values = {"@NAME@": name, "@CLASS@": name.title().replace("_", ""), "@KIND@": kind}
    texts = {}
    for file, template in templates.items():
        text = (TEMPLATES / template).read_text("utf-8")
        for mark, value in values.items():
            text = text.replace(mark, value)
        texts[file] = text
    return texts


def _print_next_steps(kind: str, name: str, into: Path) -> None:
    file, test = into / f"{name}.py", into / f"test_{name}.py"
    searched = any(into.resolve().is_relative_to(folder_of(each).resolve()) for each in KINDS)
    added, listed = ("", "") if searched else (f"'plugins=[{file}]' ", f" {file}")
    print(f"{file}  {test}")
    print(f"check it:  python -m pytest {test}")
    print(f"run it:    python -m harness {added}{HOW_TO_RUN[kind].format(name)}".rstrip())
    if kind == "experiment":
        print(f"sweep it:  python -m harness -m {added}+study={name}")
    print(f"list it:   python -m harness.plugins{listed}")
