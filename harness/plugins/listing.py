"""``python -m harness.plugins``: what plugins there are, and ``new``: a file to start one from."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.base.errors import UserError
from harness.base.files import write_text
from harness.plugins.checks import NAMES, is_name
from harness.plugins.loading import folders, kinds
from harness.plugins.registry import registry, studies, use

USAGE = """\
  python -m harness.plugins [FILE ...]               list all plugins, those of these files besides
  python -m harness.plugins new KIND NAME [--into DIR]
                                                     write NAME.py, a commented start, and test_NAME.py"""


def main(arguments: Sequence[str] | None = None) -> int:
    """List every plugin and study, or write a new plugin's first file and its test."""
    words = [*(sys.argv[1:] if arguments is None else arguments)]
    try:
        if words[:1] == ["new"]:
            _new(words[1:])
        else:
            _list(words)
    except UserError as error:
        print(f"harness.plugins: {error}", file=sys.stderr)
        return 1
    return 0


def _parser(program: str, description: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=program, description=description, epilog=USAGE, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def _list(words: Sequence[str]) -> None:
    """Print every plugin and study: kind, name, where it comes from, and its one-line summary."""
    parser = _parser("python -m harness.plugins", "List plugins and studies.")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="a plugin file to list besides")
    use(parser.parse_args(words).files)
    found = registry()
    lines = [(plugin.kind, plugin.name, plugin.origin, plugin.summary) for plugin in found.plugins.values()]
    lines += [("study", name, *where) for name, where in studies().items()]
    lines += [("broken", each.name, each.origin, each.reason) for each in found.broken]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    for line in lines:
        print("  ".join([*(text.ljust(width) for text, width in zip(line, widths, strict=False)), line[3]]))


def _new(words: Sequence[str]) -> None:
    """Write a commented starting file and its test.

    Raises:
        UserError: the name cannot be used, or there are such files already; nothing has been written.
    """
    parser = _parser("python -m harness.plugins new", "Write a commented starting file of a plugin, and its test.")
    parser.add_argument("kind", choices=sorted(kinds()), help="what to start")
    parser.add_argument("name", help="its name: lower-case letters, digits and _")
    parser.add_argument("--into", type=Path, default=Path(), metavar="DIR", help="where to write; default: here")
    asked = parser.parse_args(words)
    if not is_name(asked.name):
        raise UserError(f"name={asked.name}: valid: {NAMES}")
    if asked.name in registry().names(asked.kind):
        origin = registry().plugins[asked.kind, asked.name].origin
        raise UserError(f"name={asked.name}: taken by the {asked.kind} in {origin}; valid: another name")
    made = {
        asked.into / f"{asked.name}.py": f"{asked.kind}.py.txt",
        asked.into / f"test_{asked.name}.py": "test_figure.py.txt" if asked.kind == "figure" else "test.py.txt",
    }
    if present := [path for path in made if path.exists()]:
        raise UserError(f"{present[0]}: exists already; valid: another name, or --into another folder")
    names = {"@NAME@": asked.name, "@CLASS@": asked.name.title().replace("_", ""), "@KIND@": asked.kind}
    for path, template in made.items():
        text = (Path(__file__).parent / "templates" / template).read_text("utf-8")
        for mark, value in names.items():
            text = text.replace(mark, value)
        write_text(path, text)
    file, test = made
    found = asked.into.resolve() in {folder.resolve() for _, folder in folders()}
    taken, file_too = ("", "") if found else (f"'plugins=[{file}]' ", f" {file}")
    print(f"{file}  {test}")
    print(f"check it:  python -m pytest {test}")
    print(f"run it:    python -m harness {taken}{HOW_TO_RUN[asked.kind].format(asked.name)}".rstrip())
    if asked.kind == "experiment":
        print(f"sweep it:  python -m harness -m {taken}+study={asked.name}")
    print(f"list it:   python -m harness.plugins{file_too}")


HOW_TO_RUN = {"experiment": "experiment={}", "cell": "cell={}", "probe": "'probes=[{}]'", "figure": ""}
