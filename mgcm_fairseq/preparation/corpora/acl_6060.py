"""ACL 60/60: conference talks, and the gold sentences cut out of them, whose times the corpus does not state.

ROOT is the unpacked folder 2/acl_6060. In ROOT/SPLIT (dev, eval): FILE_ORDER, a talk on each line; full_wavs/TALK.wav;
segmented_wavs/gold/sent_N.wav; text/txt/ACL.6060.SPLIT.en-xx.LANG.txt, line by line beside the gold wavs by rising N.
So published scripts for IWSLT 2023's release read it; the corpus itself was not at hand. A gold wav is said to be an
exact cut of its talk: its samples are searched there.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.preparation.corpora.entries import (
    CorpusReader,
    Entry,
    EntryError,
    Where,
    attempt,
    clean,
    decode,
    plain_name,
)
from mgcm_fairseq.preparation.corpora.lines import COMPLETE, present, read_lines, with_texts

_NUMBERED = re.compile(r"sent_([0-9]{1,9})\.wav")


class Acl6060(CorpusReader):
    """`root` holds a folder for each split. There is nothing to train on: neither a training set nor a vocabulary."""

    def splits(self) -> list[str]:
        return ["dev", "eval"]

    def inputs(self, split: str) -> list[Path]:
        return [self._order(split), *self._texts(split), *self._talks(split), *self._cuts(split)]

    def entries(self, split: str) -> Iterator[Entry | EntryError]:
        cuts, search = self._cuts(split), _Search(self._talks(split))
        first, *others = self._texts(split)
        for number, line, lines in with_texts(read_lines(first), first, others):
            if number > len(cuts):
                break
            origins = [(path, number) for path in (first, *others)]
            yield attempt(_entry, search, cuts[number - 1], [line, *lines], origins)
        lines_in_all = sum(1 for _ in read_lines(first))
        if lines_in_all != len(cuts):
            raise InputError(first, f"{len(cuts)} lines, one for each wav in {self._gold(split)}", str(lines_in_all),
                             COMPLETE)

    def _order(self, split: str) -> Path:
        return self.root / split / "FILE_ORDER"

    def _gold(self, split: str) -> Path:
        return self.root / split / "segmented_wavs" / "gold"

    def _texts(self, split: str) -> list[Path]:
        folder = self.root / split / "text" / "txt"
        return [present(folder / f"ACL.6060.{split}.{self.src_lang}-xx.{lang}.txt")
                for lang in (self.src_lang, self.tgt_lang)]

    def _talks(self, split: str) -> list[Path]:
        """The wavs of the talks, in the order of FILE_ORDER."""
        found = []
        for number, line in enumerate(read_lines(self._order(split)), start=1):
            where = self._order(split), number
            name = plain_name(decode(line, where).strip(), "talk", where).removesuffix(".wav")
            found.append(self.root / split / "full_wavs" / f"{name}.wav")
            if not found[-1].is_file():
                raise InputError(where, "a talk of full_wavs", name, COMPLETE)
        return found

    def _cuts(self, split: str) -> list[Path]:
        """The gold wavs by their number."""
        gold = self._gold(split)
        named = [(match, path) for path in (gold.iterdir() if gold.is_dir() else ())
                 if (match := _NUMBERED.fullmatch(path.name))]
        if not named:
            raise InputError(gold, "sent_1.wav and so on", "none", COMPLETE)
        return [path for match, path in sorted(named, key=lambda pair: int(pair[0][1]))]


class _Sound(NamedTuple):
    samples: bytes  # of 16 bits each
    rate: int
    width: int  # bytes of the samples of all channels


class _Search:
    """Finds one cut after the other; the next lies behind the last, in its talk or in a later one, else anywhere."""

    def __init__(self, talks: list[Path]) -> None:
        self._talks = talks
        self._current, self._sound = -1, _Sound(b"", 0, 1)
        self._behind = 0  # byte of the current talk at which the last cut begins

    def find(self, cut: Path, where: Where) -> tuple[Path, float, float]:
        """The talk, and offset and duration in s; EntryError where no talk has these samples."""
        sound = _read(cut, where)
        first = max(self._current, 0)
        for turn, index in enumerate([*range(first, len(self._talks)), *range(first + 1)]):
            start = self._behind if turn == 0 and index == self._current else 0
            self._open(index, where)
            at = _whole_sample(self._sound, sound, start)
            if at is not None:
                self._behind = at
                rate, width = sound.rate, sound.width
                return self._talks[index], at // width / rate, len(sound.samples) // width / rate
        raise EntryError("cut of no talk", where, f"a talk of FILE_ORDER with exactly the samples of {cut.name}",
                         "none, so that its time is not known")

    def _open(self, index: int, where: Where) -> None:
        if index != self._current:
            self._current, self._sound, self._behind = index, _read(self._talks[index], where), 0


def _read(path: Path, where: Where) -> _Sound:
    try:
        samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise EntryError("unreadable audio", where, f"{path} as a wav", str(error)) from error
    if not np.size(samples):
        raise EntryError("zero length", where, f"sound in {path}", "none")
    return _Sound(samples.tobytes(), rate, samples.shape[1] * samples.itemsize)


def _whole_sample(talk: _Sound, cut: _Sound, start: int) -> int | None:
    """The byte from which on the talk has the cut's samples; None where it has not."""
    if (talk.rate, talk.width) != (cut.rate, cut.width):
        return None
    at = talk.samples.find(cut.samples, start)
    while at > 0 and at % cut.width:  # between two samples
        at = talk.samples.find(cut.samples, at + 1)
    return None if at < 0 else at


def _entry(search: _Search, cut: Path, lines: list[bytes], origins: list[Where]) -> Entry:
    talk, offset, duration = search.find(cut, origins[0])
    source, target = (clean(decode(line, origin), origin) for line, origin in zip(lines, origins, strict=True))
    return Entry(origins[0], talk, offset, duration, talk.stem, source, target)
