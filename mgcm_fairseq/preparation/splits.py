"""One split from a corpus to its manifest, with memory that does not grow with the corpus."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.steps import Summary
from mgcm_fairseq.common.whole import room_in
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.manifest import Utterance, write_manifest
from mgcm_fairseq.preparation.audio import convert, forget_converted, refuse_inside, verify_headers
from mgcm_fairseq.preparation.checked import CheckedEntry, check
from mgcm_fairseq.preparation.corpora.entries import CorpusReader, EntryError
from mgcm_fairseq.preparation.empty_text import is_empty_text
from mgcm_fairseq.preparation.parallel import ProcessPool
from mgcm_fairseq.preparation.store import Store, temporary_folder

MIN_TRAIN_SAMPLES, MAX_TRAIN_SAMPLES = 3_000, 480_000  # samples: 187.5 ms and 30 s; the bounds of DiSeg


@dataclass
class SplitWriter:
    """Writes one manifest; `skip_bad` leaves faulty utterances out, `pack` packs audio that could stay where it is."""

    corpus: CorpusReader
    split: str
    src_lang: str
    tgt_lang: str
    skip_bad: bool
    pack: bool
    processes: ProcessPool
    faults: list[tuple[int, EntryError]] = field(default_factory=list)  # with the number of the utterance

    def write(self, folder: Path) -> tuple[list[Path], Summary]:
        """Writes folder/SPLIT.tsv and, where audio is converted, folder/audio/SPLIT; returns the files and counts.

        Raises InputError at faults of whole files and, without `skip_bad`, at the first fault of an utterance.
        """
        with Store() as store, room_in(temporary_folder()):
            total = self._collect(store)
            for lists in (self.split, f"{self.split}.tmp"):  # which `write_lists` writes anew
                refuse_inside(folder / "simuleval" / lists, store.files())
            verify_headers(store, self.split, self.pack, self.processes)
            self._stop_at_unusable(store)  # before hours of conversion
            wavs: list[Path] = []
            if converted := store.count_to_convert():
                together = self.pack or self.corpus.small_files
                wavs = convert(store, folder / "audio" / self.split, together, self.processes)
            else:
                forget_converted(folder / "audio" / self.split, store)
            counts = _Counts()
            manifest = folder / f"{self.split}.tsv"
            write_manifest(manifest, self._utterances(store, counts))
        faults = [fault for _, fault in sorted(self.faults, key=lambda pair: pair[0])]
        return [manifest, *wavs], {
            "utterances": total, "kept": counts.kept, "hours": counts.length / SAMPLE_RATE / 3600,
            "talks": counts.talks, "speakers": len(counts.speakers), "filtered": dict(counts.filtered),
            "left_out": dict(Counter(fault.reason for fault in faults)), "shortened": counts.shortened,
            "converted": converted,
            "faults": [{"reason": fault.reason, "message": str(fault)} for fault in faults],
        }

    def _collect(self, store: Store) -> int:
        """Puts all entries into the store; returns how many utterances the corpus has, faulty ones included."""
        number = -1
        entries = tqdm(self.corpus.entries(self.split), desc=f"{self.split}: text", unit=" utterances")
        for number, entry in enumerate(entries):
            try:
                if isinstance(entry, EntryError):
                    raise entry
                store.add(number, entry)
            except EntryError as fault:
                self._leave_out(number, fault)
        if self.faults and not self.skip_bad:
            raise min(self.faults, key=lambda pair: pair[0])[1]
        return number + 1

    def _stop_at_unusable(self, store: Store) -> None:
        first = None if self.skip_bad else store.first_unusable()
        if first:
            list(check([first], self._leave_out))
            raise self.faults[0][1]

    def _leave_out(self, number: int, fault: EntryError) -> None:
        self.faults.append((number, fault))

    def _utterances(self, store: Store, counts: "_Counts") -> Iterator[Utterance]:
        utterances = check(store.entries(), self._leave_out, sorted(number for number, _ in self.faults))
        for utterance in tqdm(utterances, desc=f"{self.split}: manifest", unit=" utterances"):
            counts.shortened += utterance.shortened > 0
            reason = train_filter(utterance) if self.split.startswith("train") else None
            if reason:
                counts.filtered[reason] += 1
                continue
            counts.add(utterance)
            yield Utterance(utterance.id, utterance.audio, utterance.audio.length, utterance.src_text,
                            utterance.tgt_text, utterance.speaker, self.src_lang, self.tgt_lang)
        if self.faults and not self.skip_bad:
            raise min(self.faults, key=lambda pair: pair[0])[1]
        if not counts.kept:
            reasons = counts.filtered + Counter(fault.reason for _, fault in self.faults)
            raise InputError(f"split {self.split}", "at least one usable utterance",
                             f"none of {reasons.total()}: {dict(reasons)}" if reasons else "no utterance at all",
                             "Repair the corpus.")


@dataclass
class _Counts:
    """Of the utterances that a manifest holds, and of those that the train filter removed."""

    kept: int = 0
    length: int = 0
    talks: int = 0
    shortened: int = 0
    speakers: set[str] = field(default_factory=set)
    filtered: Counter[str] = field(default_factory=Counter)
    _talk: str = ""
    _files: set[Path] = field(default_factory=set)  # of this talk, for it may have several

    def add(self, utterance: CheckedEntry) -> None:
        """An utterance that is kept; utterances come talk by talk."""
        self.kept += 1
        self.length += utterance.audio.length
        self.speakers.add(utterance.speaker)
        if utterance.source.stem != self._talk:
            self._talk, self._files = utterance.source.stem, set()
        if utterance.source not in self._files:
            self._files.add(utterance.source)
            self.talks += 1


def train_filter(utterance: CheckedEntry) -> str | None:
    """Why training does without this utterance, or None. Applied to train only; dev and test are never filtered."""
    if utterance.audio.length < MIN_TRAIN_SAMPLES:
        return f"shorter than {MIN_TRAIN_SAMPLES} samples"
    if utterance.audio.length > MAX_TRAIN_SAMPLES:
        return f"longer than {MAX_TRAIN_SAMPLES} samples"
    return "empty text" if is_empty_text(utterance.src_text) or is_empty_text(utterance.tgt_text) else None
