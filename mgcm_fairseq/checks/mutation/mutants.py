"""Every mutant of a source file: the file with one change in one node."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from mgcm_fairseq.checks.mutation.changes import SILENT, Change, changes


class Mutant(NamedTuple):
    """A change, where it is, and the lines that must run for it to show."""

    file: str
    number: int  # among those of the file
    line: int
    lines: tuple[int, ...]  # of the statement that holds it; none: it shows when the file is imported
    what: str  # the kind of change, and the code before and after it

    @property
    def name(self) -> str:
        """The same in every run, as long as the file is the same."""
        return f"{self.file}:{self.line} {self.what}"


class _Site(NamedTuple):
    parent: ast.AST
    field: str
    position: int | None  # in a field that is a list
    node: ast.AST
    lines: tuple[int, ...]
    building: bool  # a statement of __init__: without what it sets, any test fails


def mutants(file: str, source: str) -> list[Mutant]:
    """All of them."""
    found = []
    for number, (site, change) in enumerate(_all(ast.parse(source))):
        before, after = (ast.unparse(ast.fix_missing_locations(one)) for one in (site.node, change.node))
        what = f"{change.what}: {before.partition(chr(10))[0]} -> {after.partition(chr(10))[0]}"
        line: int = site.node.lineno  # type: ignore[attr-defined]  # expressions and statements have one
        if before != after and not (site.building and isinstance(change.node, ast.Pass)):
            found.append(Mutant(file, number, line, site.lines, what))
    return found


def tree_of(mutant: Mutant, source: str) -> ast.Module:
    """The syntax tree of the file with the change in it."""
    tree = ast.parse(source)
    site, change = _all(tree)[mutant.number]
    new = ast.copy_location(change.node, site.node)
    if site.position is None:
        setattr(site.parent, site.field, new)
    else:
        getattr(site.parent, site.field)[site.position] = new
    return ast.fix_missing_locations(tree)


def _all(tree: ast.Module) -> list[tuple[_Site, Change]]:
    return [(site, change) for site in _sites(tree, ()) for change in changes(site.node)]


def _sites(parent: ast.AST, lines: tuple[int, ...]) -> Iterator[_Site]:
    """All nodes below the parent but what only people and type checkers read, as messages, docstrings and types, and
    what only looks for faults, as assertions.
    """
    for field, value in ast.iter_fields(parent):
        if field in ("annotation", "returns", "decorator_list", "bases"):
            continue
        for position, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or _is_silent(node):
                continue
            own = _lines(node, lines)
            building = getattr(parent, "name", "") == "__init__"
            if hasattr(node, "lineno"):
                yield _Site(parent, field, position, node, own, building)
            yield from _sites(node, own)


def _is_silent(node: ast.AST) -> bool:
    match node:
        case ast.Raise() | ast.Assert() | ast.JoinedStr() | ast.Expr(ast.Constant()):
            return True
        case ast.Assign([ast.Name("__all__")]):
            return True
        case ast.keyword(argument):
            return argument in SILENT
    return False


def _lines(node: ast.AST, around: tuple[int, ...]) -> tuple[int, ...]:
    """Lines of the statement, without those of statements inside it."""
    if isinstance(node, ast.FunctionDef):  # for the defaults of its arguments
        return tuple(one.lineno for one in node.body if not isinstance(one, ast.Expr) or not _is_silent(one))[:1]
    if not isinstance(node, ast.stmt) or not around:
        return around
    inner = getattr(node, "body", None)
    last = inner[0].lineno - 1 if inner else node.end_lineno or node.lineno
    return tuple(range(node.lineno, max(last, node.lineno) + 1))
