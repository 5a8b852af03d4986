"""Speech of your own: a table, or a list of audio files with a text for each language beside it.

A table (NAME.tsv) has a line of column names and the columns `audio`, `src_text` and `tgt_text`; it may have `id`,
`speaker`, `src_lang`, and `offset` and `duration` in seconds. A list (any other name) has a path on each line; its
texts have the list's name with the language as ending: train.lst, train.en, train.de. Paths are relative to the folder
of the manifest. `audio` may also be written as in fairseq's tables of speech, `path:offset:length` in samples at 16
kHz.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.preparation.corpora.entries import (
    CorpusReader,
    Entry,
    EntryError,
    Where,
    attempt,
    clean,
    decode,
    plain_name,
    seconds,
)
from mgcm_fairseq.preparation.corpora.lines import present, read_lines, with_texts
from mgcm_fairseq.preparation.corpora.quoting import refuse_quoted
from mgcm_fairseq.preparation.corpora.tsv import Row, read_rows

COLUMNS = ("audio", "src_text", "tgt_text")
LANGUAGE = "src_lang"  # the column that tables of several source languages must have
NOBODY = "unknown"  # the speaker of whoever is not named


@dataclass(frozen=True)
class ManifestCorpus(CorpusReader):
    """`root` holds SPLIT.tsv or SPLIT.lst of each split, unless `files` says where they are.

    A table may hold several source languages, of which a reader takes its own.
    """

    files: Mapping[str, Path] = field(default_factory=dict)

    small_files = True

    def splits(self) -> list[str]:
        found = list(self.files) or [path.stem for ending in ("tsv", "lst") for path in self.root.glob(f"*.{ending}")]
        if not found:
            raise InputError(self.root, "a table train.tsv or a list train.lst", "neither",
                             "Pass the folder of your manifests as --root, or each with --manifest SPLIT=FILE.")
        return sorted(set(found), key=lambda split: (split != "train", split != "dev", split))

    def inputs(self, split: str) -> Iterator[Path]:
        manifest = self.manifest(split)
        yield manifest
        if manifest.suffix == ".tsv":
            names = (row["audio"] for _, row in read_rows(manifest, self._columns) if isinstance(row, dict))
        else:
            yield from (present(path) for path in self._texts(manifest))
            names = (line.decode("utf-8", "replace").strip() for line in read_lines(manifest))
        last = None
        for name in names:
            path = manifest.parent / _span(name)[0]
            if path != last:
                yield path
            last = path

    def entries(self, split: str) -> Iterator[Entry | EntryError]:
        manifest = self.manifest(split)
        if manifest.suffix == ".tsv":
            for number, row in read_rows(manifest, self._columns):
                if self._is_ours(row):
                    yield row if isinstance(row, EntryError) else attempt(self._from_row, row, (manifest, number))
            return
        texts = self._texts(manifest)
        for path in texts:
            refuse_quoted(path, (line.decode("utf-8", "replace") for line in read_lines(path)))
        for number, line, lines in with_texts(read_lines(manifest), manifest, texts):
            yield attempt(_from_list, line, (manifest, number), lines, [(path, number) for path in texts])

    def manifest(self, split: str) -> Path:
        """The table or list of the split."""
        table, listing = self.root / f"{split}.tsv", self.root / f"{split}.lst"
        return present(self.files.get(split) or (listing if listing.is_file() and not table.is_file() else table))

    @property
    def _columns(self) -> tuple[str, ...]:
        return (*COLUMNS, LANGUAGE) if len(self.src_langs) > 1 else COLUMNS

    def _is_ours(self, row: Row | EntryError) -> bool:
        """Of several readers the one of the row's language takes it, the first what is of none of theirs."""
        if len(self.src_langs) < 2:
            return True
        spoken = "" if isinstance(row, EntryError) else row[LANGUAGE]
        return self.src_lang == (spoken if spoken in self.src_langs else self.src_langs[0])

    def _from_row(self, row: Row, where: Where) -> Entry:
        spoken, known = row.get(LANGUAGE, self.src_lang), self.src_langs or (self.src_lang,)
        if spoken not in known:
            raise EntryError("unknown language", where, f"{LANGUAGE} as --src-lang has it, {', '.join(known)}",
                             repr(spoken))
        return _from_row(row, where)

    def _texts(self, manifest: Path) -> list[Path]:
        if len(self.src_langs) > 1:
            raise InputError(manifest, f"a table with a column {LANGUAGE}, for several source languages", "a list",
                             "Write a table NAME.tsv.")
        return [manifest.with_suffix(f".{lang}") for lang in (self.src_lang, self.tgt_lang)]


def _from_row(row: Row, where: Where) -> Entry:
    name, offset, duration = _span(row["audio"])
    if offset is None:
        offset = seconds(row["offset"], "offset", where) if row.get("offset") else 0.0
        duration = seconds(row["duration"], "duration", where) if row.get("duration") else None
    elif stated := {key: row[key] for key in ("offset", "duration") if row.get(key)}:
        raise EntryError("two spans", where, f"no offset and no duration beside {row['audio']}, which has its own",
                         ", ".join(f"{key} {value}" for key, value in stated.items()))
    if not name.strip():
        raise EntryError("no audio", where, "the path of a sound file", repr(name))
    audio = _audio(name, where)
    named = plain_name(row["id"], "id", where) if "id" in row else None
    speaker = plain_name(row.get("speaker") or NOBODY, "speaker", where)
    return Entry(where, audio, offset, duration, speaker,
                 clean(row["src_text"], where), clean(row["tgt_text"], where), named)


def _from_list(line: bytes, where: Where, lines: list[bytes], origins: list[Where]) -> Entry:
    name, offset, duration = _span(decode(line, where).strip())
    if not name:
        raise EntryError("no audio", where, "the path of a sound file", "an empty line")
    source, target = (clean(decode(text, origin), origin) for text, origin in zip(lines, origins, strict=True))
    return Entry(where, _audio(name, where), offset or 0.0, duration, NOBODY, source, target)


def _audio(name: str, where: Where) -> Path:
    for part in Path(name).parts:
        if part not in ("/", ".."):
            plain_name(part, "audio", where)
    return where[0].parent / name


def _span(text: str) -> tuple[str, float | None, float | None]:
    """Path, offset and duration in seconds of `path:offset:length`; of a path alone, None for both."""
    found = re.fullmatch(r"(.+):([0-9]{1,18}):([0-9]{1,18})", text)
    if not found:
        return text, None, None
    return found[1], int(found[2]) / SAMPLE_RATE, int(found[3]) / SAMPLE_RATE
