"""Mutants by hand; and planted ones, of which near tests notice some."""

import ast

import pytest

from mgcm_fairseq.checks.mutation import forked
from mgcm_fairseq.checks.mutation.check import FILES, HOME
from mgcm_fairseq.checks.mutation.killed_by import killed_by
from mgcm_fairseq.checks.mutation.mutants import mutants, tree_of
from mgcm_fairseq.checks.mutation.nearest import Nearest

EXPECTED = {
    "a < b": ["a <= b", "a >= b"], "a == b": ["a != b"], "a is None": ["a is not None"], "a in b": ["a not in b"],
    "a + b": ["a - b"], "a // b": ["a * b"], "a and b": ["a or b"], "not a": ["a"], "-a": ["a"], "True": ["False"],
    "7": ["8", "6"], "0.5": ["1.0"], "0.0": ["1.0"], "a[b:c]": ["a[:c]", "a[b:]"], "f(a, b)": ["f(b, a)"],
    "max(a, b)": [], "f(key=a)": ["f()"], "f(device=1)": [],
    "f(strict=True)": [], "a.f()": ["a"], "torch.f()": [], "self.a.f()": [],
    "a if b else c": ["c if b else a"], "'words'": [], "f'{a + b}'": [], "a(*b)": [],
}


def changed(source):
    """The code of each mutant."""
    return [ast.unparse(tree_of(mutant, source)) for mutant in mutants("file.py", source)]


@pytest.mark.parametrize("expression", EXPECTED)
def test_changes_of_an_expression(expression):
    assert changed(f"x = {expression}") == [f"x = {other}" for other in EXPECTED[expression]]


@pytest.mark.parametrize(("statement", "expected"), [
    ("f()", ["pass"]), ("a.b = c", ["pass"]), ("a[b] = c", ["pass"]), ("a = c", []),
    ("a += b", ["pass", "a -= b"]), ("if a:\n    b", ["if not a:\n    b"])])
def test_changes_of_a_statement(statement, expected):
    assert changed(statement) == expected


@pytest.mark.parametrize("source", [
    '"""Doc 1 < 2."""', "__all__ = ['a', 1]", "raise ValueError(1 < 2)", "assert a < b", "a: f[1 + 2]",
    "@f(1)\ndef g(a: b | None) -> c(1):\n    '''Doc.'''", "Alias = a | None",
    "class A(B[1]):\n    def __init__(self):\n        super().__init__()\n        self.a = b"])
def test_what_only_people_and_type_checkers_read_is_left_alone(source):
    assert changed(source) == []


def test_every_mutant_of_the_product_is_other_code_that_compiles():
    file = next(HOME.glob(FILES[0]))
    source = file.read_text()
    for mutant in mutants(str(file), source):
        tree = tree_of(mutant, source)
        assert ast.unparse(tree) != ast.unparse(ast.parse(source)), mutant.name
        compile(tree, "file", "exec")


PRODUCT = '''LIMIT = 3

def clipped(value, lowest=0):
    if value > LIMIT:
        return LIMIT
    return max(value, lowest)

def unused(value):
    return value + 1
'''
TESTS = '''from planted import clipped

def test_clipped():
    assert clipped(5) == 3

def test_kept():
    assert clipped(2) == 2
'''


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """A product of one file and its tests, in a folder of their own; their map."""
    (tmp_path / "planted.py").write_text(PRODUCT)
    (tmp_path / "test_planted.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:flake8\n")  # as in pyproject.toml
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return lambda: Nearest(tmp_path / "map.jsonl", tmp_path, [tmp_path / "planted.py"], [tmp_path / "test_planted.py"])


def test_near_tests_kill_what_they_would_notice(planted, tmp_path, monkeypatch):
    nearest, killers = planted(), {}
    for mutant in mutants("planted.py", PRODUCT):
        tests = nearest.of(mutant, 9.0)
        killers[mutant.line, mutant.what.split(": ")[1]] = (
            len(tests), killed_by(mutant, tmp_path, tests, 1.0, tmp_path / "mutant.log"))
    clipped, kept = (f"test_planted.py::test_{name}" for name in ("clipped", "kept"))
    assert killers.pop((1, "3 -> 4"))[1] == killers.pop((1, "3 -> 2"))[1] == clipped
    assert killers.pop((4, "value > LIMIT -> value <= LIMIT"))[1] in (clipped, kept)
    assert killers == {(3, "0 -> 1"): (2, None), (3, "0 -> -1"): (2, None),
                       (4, "value > LIMIT -> value >= LIMIT"): (2, None),
                       (9, "value + 1 -> value - 1"): (0, None), (9, "1 -> 2"): (0, None), (9, "1 -> 0"): (0, None)}
    monkeypatch.setattr(forked.os, "fork", lambda: pytest.fail("measured again, though nothing has changed"))
    assert planted().seconds == nearest.seconds
