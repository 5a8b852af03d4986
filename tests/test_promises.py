"""docs/promises.md names tests that exist."""

import re

from tests.fixtures import REPOSITORY

NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def missing(text):
    """Tests named in a text that no file has."""
    return [f"{file}::{test}" for file, test in NAMED.findall(text)
            if not (path := REPOSITORY / "tests" / file).is_file() or f"def {test}(" not in path.read_text()]


def test_every_promise_names_a_test_that_exists():
    text = (REPOSITORY / "docs" / "promises.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert [row for row in rows if not NAMED.search(row.split("|")[3])] == []
    assert len(rows) > 50
    assert missing(text) == []


def test_a_test_that_is_gone_is_found():
    assert missing("`test_promises.py::test_gone`, `test_gone.py::test_it`, `test_promises.py::missing`") == [
        "test_promises.py::test_gone", "test_gone.py::test_it"]
