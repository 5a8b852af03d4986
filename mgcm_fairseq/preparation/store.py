"""A split while it is sorted: entries and where their audio is, in a database in a temporary file, not in memory."""

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.preparation.corpora.entries import Entry, EntryError
from mgcm_fairseq.preparation.headers import Unusable
from mgcm_fairseq.preparation.packs import WavSpan

_TABLES = """
CREATE TABLE files (file INTEGER PRIMARY KEY, path TEXT UNIQUE, stem TEXT);
CREATE INDEX stems ON files (stem);
CREATE TABLE spans (file INTEGER PRIMARY KEY, wav TEXT, start INTEGER, length INTEGER, reason TEXT, found TEXT);
CREATE TABLE promises (file INTEGER PRIMARY KEY, path TEXT, length INTEGER);
CREATE TABLE entries (number INTEGER PRIMARY KEY, file INTEGER, talk INTEGER, start INTEGER, source TEXT, line INTEGER,
                      seconds REAL, duration REAL, speaker TEXT, src TEXT, tgt TEXT, name TEXT);
CREATE TABLE names (name TEXT PRIMARY KEY) WITHOUT ROWID;
"""


_path = lru_cache(8)(Path)  # the same few in row after row


def temporary_folder() -> Path:
    """Where SQLite has its temporary file."""
    return Path(os.environ.get("SQLITE_TMPDIR") or os.environ.get("TMPDIR") or "/var/tmp")


@dataclass(frozen=True, slots=True)
class Located:
    """An entry and its audio; `number` is its rank in the files of the corpus."""

    number: int
    entry: Entry
    start: int  # samples from the beginning of its file
    span: WavSpan | Unusable


class Store:
    """Takes entries in the order of the corpus; gives them back talk by talk, each talk by time.

    A talk is what has the same file name but for the ending. Talks come in the order of their first entries, and
    entries that begin at the same sample in the order of the corpus, whether or not the corpus keeps talks together.
    """

    def __enter__(self) -> "Store":
        self._db = sqlite3.connect("")  # a temporary file, of which SQLite holds 2 MB in memory
        self._db.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {_TABLES}")
        self._last: tuple[Path | None, int, int] = (None, 0, 0)  # path, file and talk of the entry before
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._db.close()

    def add(self, number: int, entry: Entry) -> None:
        """The entry of rank `number`; EntryError if another one has its name."""
        if not self._claim(entry.name):
            raise EntryError("duplicate id", entry.where, "every id once", str(entry.name))
        if entry.audio != self._last[0]:
            path, stem = str(entry.audio), entry.audio.stem
            self._db.execute("INSERT OR IGNORE INTO files (path, stem) VALUES (?, ?)", (path, stem))
            file, = self._db.execute("SELECT file FROM files WHERE path = ?", (path,)).fetchone()
            talk, = self._db.execute("SELECT min(file) FROM files WHERE stem = ?", (stem,)).fetchone()
            self._last = entry.audio, file, talk
        self._db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                         (number, *self._last[1:], round(entry.offset * SAMPLE_RATE), str(entry.where[0]),
                          entry.where[1], entry.offset, entry.duration, entry.speaker, entry.src_text, entry.tgt_text,
                          entry.name))

    def _claim(self, name: str | None) -> bool:
        return name is None or bool(self._db.execute("INSERT OR IGNORE INTO names VALUES (?)", (name,)).rowcount)

    def count_files(self) -> int:
        """How many different files the entries name."""
        return int(self._db.execute("SELECT count(*) FROM files").fetchone()[0])

    def files(self) -> Iterator[str]:
        """Their paths in the order in which they were first named."""
        for path, in self._db.execute("SELECT path FROM files ORDER BY file"):
            yield path

    def locate(self, path: str, span: WavSpan | Unusable) -> None:
        """Says where the sound of a file is."""
        values = ((None, None, None, span.reason, span.found) if isinstance(span, Unusable) else
                  (span.path, span.offset, span.length, None, None))
        self._db.execute("INSERT INTO spans SELECT file, ?, ?, ?, ?, ? FROM files WHERE path = ?", (*values, path))

    def convert(self, path: str, length: int) -> None:
        """Says that a file is to be converted, and how many samples its header promises."""
        self._db.execute("INSERT INTO promises SELECT file, path, ? FROM files WHERE path = ?", (length, path))

    def count_to_convert(self) -> int:
        """How many files are to be converted."""
        return int(self._db.execute("SELECT count(*) FROM promises").fetchone()[0])

    def to_convert(self) -> Iterator[tuple[str, int]]:
        """Paths and promised samples, in the order in which the files were first named."""
        yield from self._db.execute("SELECT path, length FROM promises ORDER BY file")

    def first_unusable(self) -> Located | None:
        """The first entry whose file is known to be of no use."""
        return next(self._located("JOIN spans USING (file) WHERE reason NOT NULL ORDER BY number LIMIT 1"), None)

    def entries(self) -> Iterator[Located]:
        """Every entry; all files must be located."""
        return self._located("LEFT JOIN spans USING (file) ORDER BY talk, entries.start, number")

    def _located(self, rest: str) -> Iterator[Located]:
        rows = self._db.execute(f"""
            SELECT number, source, line, path, seconds, duration, speaker, src, tgt, name, entries.start,
                   wav, spans.start, length, reason, found
            FROM entries JOIN files USING (file) {rest}""")
        for (number, source, line, path, offset, duration, speaker, src, tgt, name, start,
             wav, base, length, reason, found) in rows:
            span = Unusable(reason, found) if wav is None else WavSpan(wav, base, length)
            entry = Entry((_path(source), line), _path(path), offset, duration, speaker, src, tgt, name)
            yield Located(number, entry, start, span)
