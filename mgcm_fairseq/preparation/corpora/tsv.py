"""Tab-separated tables with a line of column names, read row by row."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.preparation.corpora.entries import EntryError, Where, decode
from mgcm_fairseq.preparation.corpora.lines import read_lines
from mgcm_fairseq.preparation.corpora.quoting import Quoting, quoting_of

Row = dict[str, str]


def read_rows(path: Path, columns: Sequence[str], escapes: bool = False) -> Iterator[tuple[int, Row | EntryError]]:
    """Line number and cells of each row, or what is wrong with it. Empty lines are no rows.

    Args:
        columns: those that must be there; others are read as well.
        escapes: a backslash takes the next character literally, as pandas writes tables for CoVoST. Of other tables
            the lines themselves tell how they are quoted.
    Raises:
        InputError: the file or a column is missing, or cells are quoted in two ways.
    """
    quoting = Quoting("backslashes") if escapes else quoting_of(path)
    lines = read_lines(path)
    names = quoting.cells(next(lines, b"").decode("utf-8", "replace").rstrip("\r"), (path, 1))
    missing = [name for name in columns if name not in names]
    if missing:
        raise InputError((path, 1), f"the columns {', '.join(columns)}", f"no {', '.join(missing)} in {names}",
                         "Give the table a first line with the names of its columns, separated by tabs.")
    for number, line in enumerate(lines, start=2):
        if row := line.rstrip(b"\r"):
            yield number, _row(row, names, quoting, (path, number))


def _row(line: bytes, names: list[str], quoting: Quoting, where: Where) -> Row | EntryError:
    try:
        cells = quoting.cells(decode(line, where), where)
    except EntryError as fault:
        return fault
    if len(cells) != len(names):
        return EntryError("wrong number of fields", where, f"{len(names)} fields separated by tabs", str(len(cells)))
    return dict(zip(names, cells, strict=True))
