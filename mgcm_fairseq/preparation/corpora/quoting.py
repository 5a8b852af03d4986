"""How the cells of a table are quoted: not at all, as csv writes them, or with backslashes; the whole table tells.

csv (pandas' `to_csv`) puts a cell that has a quote into quotes and doubles those inside; fairseq's tables have a
backslash before every quote. A quote alone tells nothing: texts have quotes of their own, and those stay.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.preparation.corpora.entries import EntryError, Where
from mgcm_fairseq.preparation.corpora.lines import read_lines

Way = Literal["plain", "csv", "backslashes"]
_IN_CSV = re.compile(r'"(?:[^"]|"")*"')
_QUOTE = re.compile(r'(?<!\\)(\\*)"')
_HOW = {"csv": "a cell as csv quotes it, in quotes and with those inside doubled",
        "backslashes": "a cell with a backslash before every quote"}


@dataclass(frozen=True)
class Quoting:
    """Of a table. `line` shows it; None where the corpus is known for it, and a cell may be quoted otherwise."""

    way: Way
    line: int | None = None

    def cells(self, text: str, where: Where) -> list[str]:
        """The cells of a line without what quoting added; EntryError for one that is quoted in another way."""
        if self.way == "plain" or not ('"' in text or "\\" in text):
            return text.split("\t")
        if self.way == "csv":
            return [self._from_csv(cell, where) for cell in text.split("\t")]
        return [self._without_backslashes(cell, where) for cell in _at_bare_tabs(text)]

    def _from_csv(self, cell: str, where: Where) -> str:
        if '"' not in cell:
            return cell
        if not _IN_CSV.fullmatch(cell):
            raise self._fault(cell, where)
        return cell[1:-1].replace('""', '"')

    def _without_backslashes(self, cell: str, where: Where) -> str:
        if self.line is None and way_of(cell) == "csv":
            return self._from_csv(cell, where)
        if self.line is not None and _bare(cell):
            raise self._fault(cell, where)
        return re.sub(r"\\(.)", r"\1", cell)

    def _fault(self, cell: str, where: Where) -> EntryError:
        return EntryError("quotes that do not fit", where, f"{_HOW[self.way]}, like line {self.line}", repr(cell))


def quoting_of(path: Path) -> Quoting:
    """What the lines of a table show together; InputError where they show two ways."""
    found = Quoting("plain")
    for number, way, cell in _signs(path):
        if found.way == "plain":
            found = Quoting(way, number)
        elif way != found.way:
            raise InputError((path, number), f"{_HOW[found.way]}, like line {found.line}", repr(cell),
                             "Write the whole table in one of the two ways, or without quoting.")
    return found


def refuse_quoted(path: Path, lines: Iterable[str]) -> None:
    """InputError if one of the lines of a text, a sentence each, is quoted as in a table."""
    for number, line in enumerate(lines, start=1):
        if way_of(line) != "plain":
            raise InputError((path, number), "a sentence as it is spoken or written",
                             f"one quoted as in a table: {line!r}", "Write the text without quoting.")


def way_of(cell: str) -> Way:
    """What a cell shows when one looks at it alone."""
    if _IN_CSV.fullmatch(cell) and '""' in cell[1:-1]:
        return "csv"
    return "backslashes" if '"' in cell and not _bare(cell) else "plain"


def _signs(path: Path) -> Iterator[tuple[int, Way, str]]:
    """Line, way and cell of each cell that shows how it is quoted. A name of a column in quotes does."""
    for number, line in enumerate(read_lines(path), start=1):
        if b'"' in line:
            for cell in line.decode("utf-8", "replace").rstrip("\r").split("\t"):
                way: Way = "csv" if number == 1 and _IN_CSV.fullmatch(cell) else way_of(cell)
                if way != "plain":
                    yield number, way, cell


def _bare(cell: str) -> bool:
    """Whether a quote has no backslash of its own before it."""
    return any(len(match[1]) % 2 == 0 for match in _QUOTE.finditer(cell))


def _at_bare_tabs(text: str) -> list[str]:
    cells: list[str] = []
    open_before = False
    for part in text.split("\t"):
        if open_before:
            cells[-1] += f"\t{part}"
        else:
            cells.append(part)
        open_before = (len(part) - len(part.rstrip("\\"))) % 2 == 1
    return cells
