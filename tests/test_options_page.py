"""docs/options.md has every option of the plugin with its help."""

import runpy

from tests.fixtures import REPOSITORY

DOCS = REPOSITORY / "docs"


def test_the_page_is_what_the_code_says():
    written = (DOCS / "options.md").read_text(encoding="utf-8")
    assert written == runpy.run_path(str(DOCS / "options.py"))["page"](), "run python docs/options.py"


def test_options_of_all_three_parts_are_there():
    written = (DOCS / "options.md").read_text(encoding="utf-8")
    for option in ("--conflict-rule", "--max-source-samples", "--ctc-weight", "--front-end-block", "--lags"):
        assert f"- `{option}`" in written
