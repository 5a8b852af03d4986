"""Entries and their audio become checked utterances, numbered within their talk."""

from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mgcm_fairseq.data.audio import SAMPLE_RATE, AudioSpan
from mgcm_fairseq.preparation.corpora.entries import EntryError
from mgcm_fairseq.preparation.headers import Unusable
from mgcm_fairseq.preparation.packs import WavSpan
from mgcm_fairseq.preparation.store import Located

DUPLICATE = "duplicate utterance"
ROUNDING = 160  # samples, 10 ms: offset and duration are both written in hundredths of a second


@dataclass(frozen=True, slots=True)
class CheckedEntry:
    """One checked utterance; `id` is the corpus's own, or the talk and the utterance's rank in it by time."""

    id: str
    audio: AudioSpan
    source: Path  # the file of the corpus that it was spoken in
    speaker: str
    src_text: str
    tgt_text: str
    shortened: int  # samples cut off because rounding put the end behind the end of the audio


def check(entries: Iterable[Located], on_fault: Callable[[int, EntryError], None],
          missing: Sequence[int] = ()) -> Iterator[CheckedEntry]:
    """Utterances in the order of the entries, which come talk by talk and by time.

    One that is left out behind the first leaves a gap in the ranks of its talk, by which training knows that there was
    speech. Where the corpus does not list its talks one by one and by time, there are gaps without need.

    Args:
        entries: those that could be read.
        on_fault: gets the entry's number and the fault of each that is left out.
        missing: the numbers of those that could not be read, in order.
    """
    talk, rank, begin, number = "", 0, -1, 0
    here: dict[tuple[Path, int], int] = {}  # lines of the utterances that begin where this one does, by file and length
    for located in entries:
        entry = located.entry
        if entry.audio.stem != talk:
            talk, rank, begin = entry.audio.stem, 0, -1
        elif rank:
            rank += max(0, bisect(missing, located.number) - bisect(missing, number))
        number = located.number
        if located.start != begin:
            begin, here = located.start, {}
        try:
            length, excess = _length(located)
            line = here.setdefault((entry.audio, length), entry.where[1])
            if line != entry.where[1]:
                raise EntryError(DUPLICATE, entry.where, "every utterance once",
                                 f"the span of line {line}, {entry.audio.name} at {entry.offset} s")
        except EntryError as fault:
            on_fault(located.number, fault)
            rank += rank > 0 and fault.reason != DUPLICATE
            continue
        assert isinstance(located.span, WavSpan)
        audio = AudioSpan(Path(located.span.path), located.span.offset + located.start, length)
        yield CheckedEntry(entry.name or f"{talk}_{rank}", audio, entry.audio, entry.speaker, entry.src_text,
                           entry.tgt_text, excess)
        rank += 1


def _length(located: Located) -> tuple[int, int]:
    """Samples of the utterance, and by how many samples rounding put its end behind that of the audio."""
    entry, span = located.entry, located.span
    if isinstance(span, Unusable):
        raise EntryError(span.reason, entry.where, f"{entry.audio} as readable sound", span.found)
    length = span.length - located.start if entry.duration is None else round(entry.duration * SAMPLE_RATE)
    excess = max(0, located.start + length - span.length)
    if excess > ROUNDING or (located.start >= span.length > 0):
        end = ""
        if entry.duration is not None:
            end = f" + duration {entry.duration} s = {entry.offset + entry.duration:.6f} s"
        raise EntryError("past the end of the audio", entry.where,
                         f"an utterance within the {span.length / SAMPLE_RATE} s of {entry.audio}",
                         f"offset {entry.offset} s{end}")
    if length - excess <= 0:
        raise EntryError("zero length", entry.where, "a duration of at least one sample",
                         f"duration {span.length / SAMPLE_RATE if entry.duration is None else entry.duration} s")
    return length - excess, excess
