"""Reading a split of MuST-C v1 or v2: yaml, two texts and talk-long wavs become checked segments."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from mgcm_fairseq.data.audio import SAMPLE_RATE, AudioSpan
from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.data.mustc_files import Record, WavLengths, read_lines, read_records, wav_lengths

KEYS = ("duration", "offset", "speaker_id", "wav")  # v1 and v2 also have rW and uW, word counts nobody needs here
ROUNDING = 160  # samples, 10 ms: offset and duration are both written in hundredths of a second
_REMEDY = "Repair the corpus, or leave such segments out with --skip-bad."


@dataclass(frozen=True)
class Segment:
    """One checked segment: `id` is the talk and the segment's rank in it by time; texts are stripped, no more."""

    id: str
    audio: AudioSpan
    speaker: str
    src_text: str
    tgt_text: str
    shortened: int  # samples cut off because rounding put the end behind the end of the wav


class SegmentError(InputError):
    """What is wrong with one segment; `reason` is the kind of fault, the same for all faults of that kind."""

    def __init__(self, reason: str, where: tuple[Path, int], expected: str, found: str) -> None:
        super().__init__(where, expected, found, _REMEDY)
        self.reason = reason


@dataclass(frozen=True)
class SplitFiles:
    """Where MuST-C keeps a split: `folder` is DIR/en-de/data/SPLIT."""

    folder: Path
    src_lang: str
    tgt_lang: str

    def txt(self, suffix: str) -> Path:
        """txt/SPLIT.yaml, txt/SPLIT.en or txt/SPLIT.de."""
        return self.folder / "txt" / f"{self.folder.name}.{suffix}"

    def inputs(self) -> list[Path]:
        """Every file that a preparation of this split depends on, sorted; InputError if a folder is missing."""
        for folder in (self.folder, self.folder / "txt", self.folder / "wav"):
            if not folder.is_dir():
                raise InputError(folder, "a folder of the MuST-C layout", "no such folder",
                                 "Unpack the corpus again, or pass the right --root, --lang and --splits.")
        texts = [self.txt(suffix) for suffix in ("yaml", self.src_lang, self.tgt_lang)]
        return sorted([*(path for path in texts if path.exists()), *(self.folder / "wav").iterdir()])


def read_split(files: SplitFiles, on_fault: Callable[[SegmentError], None], workers: int = 2) -> list[Segment]:
    """Segments, talks in the order of the yaml and by time within a talk.

    Args:
        on_fault: gets each faulty segment; it raises to stop, or returns to leave the segment out.
        workers: threads that read the headers of the wavs.
    Raises:
        InputError: for faults of a whole file: missing, broken yaml, other line counts, no segments.
    """
    files.inputs()
    texts = [(files.txt(lang), read_lines(files.txt(lang))) for lang in (files.src_lang, files.tgt_lang)]
    records = list(tqdm(read_records(files.txt("yaml")), desc=f"{files.folder.name}: yaml", unit=" segments"))
    if not records:
        raise InputError(files.txt("yaml"), "at least one segment", "none", "Unpack the corpus again.")
    for path, lines in texts:
        if len(lines) != len(records):
            raise InputError((path, min(len(lines), len(records)) + 1),
                             f"{len(records)} lines, one for each segment of {files.txt('yaml')}",
                             f"{len(lines)} lines", "Unpack the corpus again: the texts would belong to other audio.")
    lengths = wav_lengths(files.folder / "wav", (record.values.get("wav", "") for record in records), workers)
    return _number(_checked(files, records, texts, lengths, on_fault))


def _checked(files: SplitFiles, records: list[Record], texts: list[tuple[Path, list[bytes]]],
             lengths: WavLengths, on_fault: Callable[[SegmentError], None]) -> list[Segment]:
    segments: list[Segment] = []
    seen: dict[AudioSpan, int] = {}  # line of the first segment with this span
    for index, record in enumerate(records):
        where = (files.txt("yaml"), record.line)
        try:
            offset, duration = _span_in_seconds(record, where)
            audio, shortened = _span(files.folder / "wav", record.values["wav"], offset, duration, lengths, where)
            if audio in seen:
                raise SegmentError("duplicate segment", where, "every segment once",
                                   f"the span of line {seen[audio]}, {record.values['wav']} at {offset} s")
            source, target = (_text(lines[index], (path, index + 1)) for path, lines in texts)
        except SegmentError as fault:
            on_fault(fault)
            continue
        seen[audio] = record.line
        segments.append(Segment("", audio, record.values["speaker_id"], source, target, shortened))
    return segments


def _number(segments: list[Segment]) -> list[Segment]:
    """Groups by talk, sorts each talk by time and names the segments TALK_RANK."""
    talks: dict[str, list[Segment]] = {}
    for segment in segments:
        talks.setdefault(segment.audio.path.stem, []).append(segment)
    return [
        replace(segment, id=f"{talk}_{rank}")
        for talk, members in talks.items()
        for rank, segment in enumerate(sorted(members, key=lambda segment: segment.audio.offset))
    ]


def _span_in_seconds(record: Record, where: tuple[Path, int]) -> tuple[float, float]:
    missing = [key for key in KEYS if not record.values.get(key)]
    if missing:
        raise SegmentError("missing key", where, f"the keys {', '.join(KEYS)}", f"no {', '.join(missing)}")
    for key in ("speaker_id", "wav"):
        if any(mark in record.values[key] for mark in "\t\n\r/"):
            raise SegmentError(f"bad {key}", where, f"{key} as a plain name", repr(record.values[key]))
    return _seconds(record, "offset", where), _seconds(record, "duration", where)


def _seconds(record: Record, key: str, where: tuple[Path, int]) -> float:
    text = record.values[key]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise SegmentError(f"bad {key}", where, f"{key} as a number of seconds from 0 on", repr(text))
    return value


def _span(folder: Path, wav: str, offset: float, duration: float, lengths: WavLengths,
          where: tuple[Path, int]) -> tuple[AudioSpan, int]:
    """The segment in samples, and by how many samples rounding put its end behind that of the wav."""
    length = lengths[wav]
    if not isinstance(length, int):
        reason, found = length
        raise SegmentError(reason, where, f"{folder / wav} as {SAMPLE_RATE} Hz mono audio", found)
    start, frames = round(offset * SAMPLE_RATE), round(duration * SAMPLE_RATE)
    excess = max(0, start + frames - length)
    if excess > ROUNDING or start >= length:
        raise SegmentError("past the end of the wav", where,
                           f"a segment within the {length / SAMPLE_RATE} s of {folder / wav}",
                           f"offset {offset} s + duration {duration} s = {offset + duration:.6f} s")
    if frames - excess <= 0:
        raise SegmentError("zero length", where, "a duration of at least one sample", f"duration {duration} s")
    return AudioSpan(folder / wav, start, frames - excess), excess


def _text(line: bytes, where: tuple[Path, int]) -> str:
    try:
        text = line.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise SegmentError("not utf-8", where, "text in utf-8",
                           f"byte 0x{line[error.start]:02x} after {line[:error.start].decode()!r}") from error
    if "\t" in text or "\r" in text:
        raise SegmentError("tab or line break in text", where, "text without tabs and line breaks", repr(text))
    return text
