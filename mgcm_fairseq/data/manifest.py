"""The TSV manifest of a split: one utterance a line, audio as `wav:offset:length` in samples."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import command
from mgcm_fairseq.common.read_text import text_lines
from mgcm_fairseq.common.whole import whole
from mgcm_fairseq.data.audio import AudioSpan, Span, parse_span


@dataclass(frozen=True)
class Utterance:
    """One utterance of a talk with its transcript and translation."""

    id: str
    audio: AudioSpan
    n_frames: int  # samples at 16 kHz
    src_text: str
    tgt_text: str
    speaker: str
    src_lang: str
    tgt_lang: str


COLUMNS = tuple(field.name for field in fields(Utterance))


def read_manifest(path: Path) -> list[Utterance]:
    """Utterances in file order; raises InputError with file:line for anything malformed."""
    return list(read_utterances(path))


def read_utterances(path: Path) -> Iterator[Utterance]:
    """The same one by one."""
    for row, (wav, offset, length) in read_rows(path):
        yield Utterance(**{**row, "audio": AudioSpan(path.parent / wav, offset, length),  # type: ignore[arg-type]  # rows hold texts under these names
                           "n_frames": length})


def read_rows(path: Path) -> Iterator[tuple[dict[str, str], Span]]:
    """The fields of each line as text, and what its audio says; raises InputError as `read_manifest`."""
    if not os.path.isfile(path):
        raise InputError(path, "a manifest", "no such file", f"Run {command('prepare')} first.")
    lines = text_lines(path, "Prepare the corpus again.")
    header = tuple(next(lines, (1, ""))[1].split("\t"))
    if header != COLUMNS:
        raise InputError((path, 1), f"the columns {COLUMNS}", str(header), "Prepare the corpus again.")
    number = 1
    for number, line in lines:
        yield _parse(line, (path, number))
    if number == 1:
        raise InputError(path, "at least one utterance", "a header alone", "Prepare the corpus again.")


def write_manifest(path: Path, utterances: Iterable[Utterance]) -> None:
    """Writes the file whole or not at all; tabs and line breaks inside a field are an InputError."""
    with whole(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as out:
        out.write("\t".join(COLUMNS) + "\n")
        for line, row in enumerate(utterances, start=2):
            values = [row.audio.format(path.parent) if name == "audio" else str(getattr(row, name)) for name in COLUMNS]
            for name, value in zip(COLUMNS, values, strict=True):
                if any(mark in value for mark in "\t\n\r"):
                    raise InputError((path, line), f"{name} on one line without tabs", repr(value), "Clean the text.")
            out.write("\t".join(values) + "\n")


def _parse(line: str, where: tuple[Path, int]) -> tuple[dict[str, str], Span]:
    values = line.split("\t")
    if len(values) != len(COLUMNS):
        raise InputError(where, f"{len(COLUMNS)} tab-separated fields", f"{len(values)}", "Prepare the corpus again.")
    row = dict(zip(COLUMNS, values, strict=True))
    span = parse_span(row["audio"], where)
    if row["n_frames"] != str(span[2]):
        raise InputError(where, f"n_frames = {span[2]} as in audio", row["n_frames"], "Prepare the corpus again.")
    return row, span
