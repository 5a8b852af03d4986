"""Entries and their audio become checked segments, numbered within their talk."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mgcm_fairseq.data.audio import SAMPLE_RATE, AudioSpan
from mgcm_fairseq.preparation.corpora.entries import SegmentError
from mgcm_fairseq.preparation.headers import Unusable
from mgcm_fairseq.preparation.packs import Place
from mgcm_fairseq.preparation.store import Placed

ROUNDING = 160  # samples, 10 ms: offset and duration are both written in hundredths of a second


@dataclass(frozen=True, slots=True)
class Segment:
    """One checked segment; `id` is the corpus's own, or the talk and the segment's rank in it by time."""

    id: str
    audio: AudioSpan
    source: Path  # the file of the corpus that it was spoken in
    speaker: str
    src_text: str
    tgt_text: str
    shortened: int  # samples cut off because rounding put the end behind the end of the audio


def check(entries: Iterable[Placed], on_fault: Callable[[int, SegmentError], None]) -> Iterator[Segment]:
    """Segments in the order of the entries, which come talk by talk and by time.

    Args:
        on_fault: gets the entry's number and the fault of each that is left out.
    """
    talk, rank, begin = "", 0, -1
    here: dict[tuple[Path, int], int] = {}  # lines of the segments that begin where this one does, by file and length
    for placed in entries:
        entry = placed.entry
        if entry.audio.stem != talk:
            talk, rank, begin = entry.audio.stem, 0, -1
        if placed.start != begin:
            begin, here = placed.start, {}
        try:
            frames, excess = _frames(placed)
            line = here.setdefault((entry.audio, frames), entry.where[1])
            if line != entry.where[1]:
                raise SegmentError("duplicate segment", entry.where, "every segment once",
                                   f"the span of line {line}, {entry.audio.name} at {entry.offset} s")
        except SegmentError as fault:
            on_fault(placed.number, fault)
            continue
        assert isinstance(placed.place, Place)
        audio = AudioSpan(Path(placed.place.path), placed.place.offset + placed.start, frames)
        yield Segment(entry.name or f"{talk}_{rank}", audio, entry.audio, entry.speaker, entry.src_text,
                      entry.tgt_text, excess)
        rank += 1


def _frames(placed: Placed) -> tuple[int, int]:
    """Samples of the segment, and by how many samples rounding put its end behind that of the audio."""
    entry, place = placed.entry, placed.place
    if isinstance(place, Unusable):
        raise SegmentError(place.reason, entry.where, f"{entry.audio} as readable sound", place.found)
    frames = place.frames - placed.start if entry.duration is None else round(entry.duration * SAMPLE_RATE)
    excess = max(0, placed.start + frames - place.frames)
    if excess > ROUNDING or (placed.start >= place.frames > 0):
        end = ""
        if entry.duration is not None:
            end = f" + duration {entry.duration} s = {entry.offset + entry.duration:.6f} s"
        raise SegmentError("past the end of the audio", entry.where,
                           f"a segment within the {place.frames / SAMPLE_RATE} s of {entry.audio}",
                           f"offset {entry.offset} s{end}")
    if frames - excess <= 0:
        raise SegmentError("zero length", entry.where, "a duration of at least one sample",
                           f"duration {place.frames / SAMPLE_RATE if entry.duration is None else entry.duration} s")
    return frames - excess, excess
