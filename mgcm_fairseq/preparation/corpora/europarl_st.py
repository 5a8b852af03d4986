"""Europarl-ST v1.1: speeches as m4a, a list of utterances, and a text for each language.

ROOT is the unpacked folder: ROOT/en/audios/SPEECH.m4a, and in ROOT/en/de/SPLIT the files segments.lst (`SPEECH start
end`, in seconds), segments.en, segments.de, speeches.lst and, line by line beside it, speakers.lst. So FBK's fork of
fairseq (its reader of Europarl-ST) and published scripts for the corpus read it. Some replace each m4a by a wav:
those are read, too.
"""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

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
    seconds,
)
from mgcm_fairseq.preparation.corpora.lines import COMPLETE, read_lines, with_texts

SUFFIXES = (".m4a", ".wav")


class EuroparlST(CorpusReader):
    """`root` holds a folder for each spoken language. `train-noisy` is prepared where --splits names it."""

    def splits(self) -> list[str]:
        pair = self.root / self.src_lang / self.tgt_lang
        if not pair.is_dir():
            raise InputError(pair, "the folder of the language pair", "no such folder", "Check --root and --lang.")
        return ["train", "dev", "test"]

    def inputs(self, split: str) -> list[Path]:
        texts = [self._file(split, name) for name in self._names()]
        for path in texts:
            if not path.is_file():
                raise InputError(path, "a file of the Europarl-ST layout", "no such file", COMPLETE)
        speeches = self._file(split, "speeches.lst")
        names = (_name(line, (speeches, number)) for number, line in enumerate(read_lines(speeches), start=1))
        return [*texts, *(self._audio(name) for name in names)]

    def entries(self, split: str) -> Iterator[Entry | EntryError]:
        self.inputs(split)
        listing, source, target, speeches, speakers = (self._file(split, name) for name in self._names())
        speaker_of = {_name(speech, (speeches, number)): _name(speaker[0], (speakers, number))
                      for number, speech, speaker in with_texts(read_lines(speeches), speeches, [speakers])}
        make = partial(self._entry, speaker_of=speaker_of)
        for number, line, lines in with_texts(read_lines(listing), listing, [source, target]):
            origins = [(source, number), (target, number)]
            yield attempt(make, line, (listing, number), lines, origins)

    def _entry(self, line: bytes, where: Where, lines: list[bytes], origins: list[Where],
               speaker_of: dict[str, str]) -> Entry:
        fields = decode(line, where).split()
        if len(fields) != 3:
            raise EntryError("bad utterance", where, "`SPEECH start end`", repr(" ".join(fields)))
        speech = plain_name(fields[0], "speech", where)
        if speech not in speaker_of:
            raise EntryError("unknown speech", where, "a speech of speeches.lst", speech)
        start, end = seconds(fields[1], "start", where), seconds(fields[2], "end", where)
        if end <= start:
            raise EntryError("zero length", where, "an end after the start", f"{fields[1]} to {fields[2]}")
        speaker = plain_name(speaker_of[speech], "speaker", where)
        texts = (clean(decode(text, origin), origin) for text, origin in zip(lines, origins, strict=True))
        return Entry(where, self._audio(speech), start, end - start, speaker, *texts)

    def _names(self) -> list[str]:
        return ["segments.lst", f"segments.{self.src_lang}", f"segments.{self.tgt_lang}", "speeches.lst",
                "speakers.lst"]

    def _file(self, split: str, name: str) -> Path:
        return self.root / self.src_lang / self.tgt_lang / split / name

    def _audio(self, speech: str) -> Path:
        """The speech's file; where it has none, the name that the corpus gives it."""
        audios = self.root / self.src_lang / "audios"
        paths = [audios / f"{speech}{suffix}" for suffix in SUFFIXES]
        return next((path for path in paths if os.path.isfile(path)), paths[0])


def _name(line: bytes, where: Where) -> str:
    """Of a speech or a speaker, in a list that the whole split needs."""
    try:
        return decode(line, where).strip()
    except EntryError as fault:
        raise InputError(where, "a name in utf-8", fault.found, "Unpack the corpus again.") from fault
