"""The site's own configuration builds a page; scripts/test.sh builds all of them."""

import sys

from tests.fixtures import run


def test_a_page_of_the_site_is_built(tmp_path):
    """python -m sphinx docs FOLDER, of the glossary alone."""
    done = run(sys.executable, "-m", "sphinx", "-q", "docs", tmp_path, "-D", "root_doc=glossary",
               "-D", "include_patterns=glossary.md")
    assert done.stderr == ""
    assert '<dt id="term-conflict">' in (tmp_path / "glossary.html").read_text()
