"""What the site (`make docs`) needs besides the pages in this folder: README and CONTRIBUTING as pages of it."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]

PAGES = {"README.md": "index.md", "README.zh.md": "zh.md", "CONTRIBUTING.md": "contributing.md"}
"""Pages that stand at the top of the repository, and what they are called in the site."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the repository's top."""
    for source, name in PAGES.items():
        text = re.sub(r"\]\(docs/", "](", (ROOT / source).read_text("utf-8"))
        files.append(File.generated(config, name, content=_between_pages(text)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links to what is in the repository and not in the site become the path alone."""
    return re.sub(r"\[([^\]]+)\]\(\.\./[^)]*\)", r"`\1`", _between_pages(markdown))


def _between_pages(text: str) -> str:
    """Links to pages of the top, as they are called in the site."""
    for source, name in PAGES.items():
        text = re.sub(rf"\]\((?:\.\./)?{re.escape(source)}(?=[)#])", f"]({name}", text)
    return text
