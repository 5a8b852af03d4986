"""CoVoST 2: Common Voice's clips and transcripts, and tables with their translations.

ROOT is the folder of one language of Common Voice, with clips/*.mp3 and validated.tsv (columns client_id, path,
sentence and more). Beside them lies what CoVoST 2 publishes, covost_v2.en_de.tsv (path, translation, split; `train`
and `train_covost` both are train), or what its get_covost_splits.py makes of the two, covost_v2.en_de.SPLIT.tsv (path,
sentence, translation, client_id), which is preferred. Its tables escape with a backslash. Layout and filters as in
facebookresearch/covost and in fairseq's prep_covost_data.py.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.preparation.corpora.entries import CorpusReader, Entry, EntryError, Where, attempt, clean, plain_name
from mgcm_fairseq.preparation.corpora.lines import present
from mgcm_fairseq.preparation.corpora.tsv import Row, read_rows

PARTS = {"train": ("train", "train_covost"), "dev": ("dev",), "test": ("test",)}  # of a split, in the column `split`


class CoVoST2(CorpusReader):
    """`root` is the folder of one language of Common Voice; of several source languages, the one that holds those."""

    small_files = True
    root_of_language = True

    def splits(self) -> list[str]:
        if not (self.root / "clips").is_dir():
            raise InputError(self.root / "clips", "Common Voice's clips", "no such folder",
                             "Pass the folder of the spoken language as --root.")
        return list(PARTS)

    def inputs(self, split: str) -> Iterator[Path]:
        if self._of_split(split).is_file():
            yield self._of_split(split)
            rows = (row for _, row in read_rows(self._of_split(split), ["path"], escapes=True))
        else:
            yield from (present(self._table("tsv")), present(self.root / "validated.tsv"))
            rows = (row for _, row in self._translations(split))
        yield from (self._clip(row["path"]) for row in rows if isinstance(row, dict))

    def entries(self, split: str) -> Iterator[Entry | EntryError]:
        if self._of_split(split).is_file():
            path = self._of_split(split)
            rows = read_rows(path, ["path", "sentence", "translation", "client_id"], escapes=True)
        else:
            path, rows = self._table("tsv"), self._joined(split)
        for number, row in rows:
            yield row if isinstance(row, EntryError) else attempt(self._entry, row, (path, number))

    def _entry(self, row: Row, where: Where) -> Entry:
        clip = plain_name(row["path"], "path", where)
        speaker = plain_name(row["client_id"], "client_id", where)
        source, target = (clean(row[name], where) for name in ("sentence", "translation"))
        return Entry(where, self._clip(clip), 0.0, None, speaker, source, target, name=Path(clip).stem)

    def _joined(self, split: str) -> Iterator[tuple[int, Row | EntryError]]:
        """Rows of validated.tsv, in its order, with the translations of this split; then translations without one.

        A table in a temporary file holds the translations, so that memory does not grow with their number.
        """
        table, validated = self._table("tsv"), self.root / "validated.tsv"
        with closing(sqlite3.connect("")) as database:
            database.execute("CREATE TABLE rows (path TEXT PRIMARY KEY, line INTEGER, translation TEXT, found INTEGER)")
            for number, row in self._translations(split):
                if isinstance(row, EntryError):
                    yield number, row
                    continue
                added = database.execute("INSERT OR IGNORE INTO rows VALUES (?, ?, ?, 0)",
                                         (row["path"], number, row["translation"]))
                if not added.rowcount:
                    yield number, EntryError("duplicate utterance", (table, number), "every clip once", row["path"])
            for _, row in read_rows(validated, ["client_id", "path", "sentence"], escapes=True):
                if isinstance(row, EntryError):
                    continue  # of one of the many clips without a translation, or else missed below
                known = database.execute("SELECT line, translation FROM rows WHERE path = ?", (row["path"],)).fetchone()
                if known:
                    database.execute("UPDATE rows SET found = 1 WHERE path = ?", (row["path"],))
                    yield known[0], {**row, "translation": known[1]}
            for path, number in database.execute("SELECT path, line FROM rows WHERE NOT found ORDER BY line"):
                yield number, EntryError("no transcript", (table, number), f"{path} in {validated}", "no such row")

    def _translations(self, split: str) -> Iterator[tuple[int, Row | EntryError]]:
        for number, row in read_rows(self._table("tsv"), ["path", "translation", "split"], escapes=True):
            if isinstance(row, EntryError) and split == "train":
                yield number, row  # of an unknown split: reported once
            elif isinstance(row, dict) and row["split"] in PARTS.get(split, (split,)):
                yield number, row

    def _of_split(self, split: str) -> Path:
        return self._table(f"{split}.tsv")

    def _table(self, ending: str) -> Path:
        return self.root / f"covost_v2.{self.src_lang}_{self.tgt_lang}.{ending}"

    def _clip(self, name: str) -> Path:
        return self.root / "clips" / name
