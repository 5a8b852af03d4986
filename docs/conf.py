"""How Sphinx builds the site: python -m sphinx -W docs build/docs (scripts/test.sh does). Nothing is fetched for it."""

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import mgcm_fairseq

project = "mgcm-fairseq"
release = mgcm_fairseq.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence"]  # :::{glossary}
myst_heading_anchors = 3  # [text](page.md#heading), as GitHub has them
html_theme = "furo"
html_title = "mgcm-fairseq"
html_show_copyright = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_preserve_defaults = True


def as_plain_text(app: Any, what: str, name: str, subject: Any, options: Any, lines: list[str]) -> None:
    """Docstrings here are plain text with `code`: formulas such as |g_0| are no markup of reStructuredText."""
    lines[:] = ["``".join(part if code else re.sub(r"([|*]|_\b)", r"\\\1", part)
                          for code, part in enumerate_code(line)) for line in lines]


def enumerate_code(line: str) -> list[tuple[bool, str]]:
    """The line's parts, each with whether it stood between backquotes."""
    return [(bool(index % 2), part) for index, part in enumerate(line.split("`"))]


def setup(app: Any) -> None:
    """Sphinx calls this; napoleon, which reads Args and Returns, comes later."""
    app.connect("autodoc-process-docstring", as_plain_text, priority=400)
