"""Fills a page with tables: what stands between `<!-- table: NAME -->` and `<!-- end -->` is written anew."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.read_text import read_text
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.studies.replication.tables import TABLES

MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str, found: Mapping[str, Any], path: Path) -> str:
    """The page's text with its tables of replication.json; InputError for a table that there is not."""
    def table(mark: re.Match[str]) -> str:
        if mark[2] not in TABLES:
            raise InputError(path, f"a table of {', '.join(TABLES)}", repr(mark[2]), "Correct the mark.")
        return f"{mark[1]}\n" + "\n".join(TABLES[mark[2]](found)) + f"\n\n{mark[3]}"

    return MARKED.sub(table, text)


def fill(path: Path, found: Mapping[str, Any]) -> None:
    """Writes the page anew."""
    if not path.is_file():
        raise InputError("--page", "a page with marked tables", f"{path}, which is no file", "Correct the path.")
    write_whole(path, filled(read_text(path, "Save it as utf-8."), found, path))


def all_tables(found: Mapping[str, Any]) -> str:
    """tables.md: all of them, each with the sentence that says what it is."""
    parts = [f"# {found['title']}"]
    for name, table in TABLES.items():
        parts += [f"## {name}", (table.__doc__ or "").strip().splitlines()[0], "\n".join(table(found))]
    return "\n\n".join(parts) + "\n"
