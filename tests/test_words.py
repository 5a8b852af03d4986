"""One word, one thing: a word of the glossary keeps to its rooms, and no two classes share a name."""

import ast
import re
from collections import Counter

import pytest

from tests.fixtures import REPOSITORY

PACKAGE = REPOSITORY / "mgcm_fairseq"
WORDS = {  # a word, where it would have a second meaning, and what may be there all the same
    r"segments?|Segments?": (
        ["core/conflict", "preparation", "training", "spoken"],
        r"--segment-from|segments\.(lst|\{)|segments\.en|segments\.de|segments \{|\"segments\"|segments \(of|"
        r"segment_from|--segment|segment_number"),
    r"frames?": (["preparation", "spoken", "data", "commands"],
                 r"[fF]ile\.frames|self\._file\.frames|\.info\(.*\)\.frames|frames=|n_frames|8 n frames|"
                 r"frame in container|resample\(frame\)|--frames"),
    r"lags?": (["evaluation", "preparation", "data", "benchmarks"], r"--lags?\b|\"lag\"|word lag"),
    r"stages?": (["recipes", "commands", "evaluation", "agents", "preparation"], r"$^"),
    r"place": (["preparation", "evaluation", "decoding", "agents", "commands"], r"in (the )?place|its place"),
    r"Memory": (["benchmarks", "recipes", "measuring"], r"^\W*Memory [a-z]|Memory[:,]|\"Memory|\"\"\"Memory|# Memory"),
}


def uses(word: str, rooms: list[str], allowed: str) -> list[str]:
    """file:line of each use outside what is allowed."""
    found = []
    for room in rooms:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            for number, line in enumerate(path.read_text().splitlines(), start=1):
                if re.search(rf"(?<![\w-])({word})(?![\w-])", line) and not re.search(allowed, line):
                    found.append(f"{path.relative_to(PACKAGE)}:{number}: {line.strip()}")
    return found


@pytest.mark.parametrize("word", WORDS)
def test_a_word_keeps_to_its_rooms(word: str) -> None:
    assert uses(word, *WORDS[word]) == []


def test_the_search_finds_a_word() -> None:
    assert uses("segment", ["core/segmentation"], r"$^")


def test_no_two_classes_share_a_name() -> None:
    names = Counter(node.name for path in PACKAGE.rglob("*.py") for node in ast.parse(path.read_text()).body
                    if isinstance(node, ast.ClassDef) and not node.name.startswith("_"))
    assert [name for name, count in names.items() if count > 1] == []
