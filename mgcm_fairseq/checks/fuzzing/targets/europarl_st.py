"""Europarl-ST's tables of utterances, with speeches, speakers and texts, through the preparation of a split."""

from pathlib import Path
from random import Random

from mgcm_fairseq.checks.fuzzing.spoiling import few, spoil_bytes, spoil_cells, spoil_lines
from mgcm_fairseq.checks.fuzzing.target import Files, same
from mgcm_fairseq.checks.fuzzing.targets.prepared import prepared
from mgcm_fairseq.checks.fuzzing.targets.waves import write_wave
from mgcm_fairseq.preparation.corpora.entries import Entry
from mgcm_fairseq.preparation.corpora.europarl_st import EuroparlST

FILES = {"segments.lst": "en.1 0.25 0.75\nen.1 0.75 1.25\nen.2 0.00 1.50\n",
         "segments.en": "Madam President.\nThank you.\nA question.\n",
         "segments.de": "Frau Präsidentin.\nDanke.\nEine Frage.\n",
         "speeches.lst": "en.1\nen.2\n", "speakers.lst": "MEP_7\nMEP_9\n"}


class EuroparlLists:
    """A line of segments.lst is an utterance of that speech, or a fault."""

    def __init__(self, shared: Path) -> None:
        self._root, self._out = shared / "root", shared / "out"
        for speech in ("en.1", "en.2"):
            write_wave(self._root / "en" / "audios" / f"{speech}.wav")
        self._split = self._root / "en" / "de" / "train"
        self._split.mkdir(parents=True)

    def draw(self, random: Random) -> Files:
        files = {name: content.encode() for name, content in FILES.items()}
        for _ in range(random.randint(0, 2)):
            name = "segments.lst" if random.randrange(2) else random.choice(list(files))
            files[name] = few(random, files[name], (spoil_cells(b" "), spoil_cells(b" "), spoil_lines, spoil_bytes), 2)
        return files

    def read(self, folder: Path) -> None:
        for path in folder.iterdir():
            (self._split / path.name).write_bytes(path.read_bytes())
        entries = prepared(EuroparlST(self._root, "en", "de"), "train", self._out)
        listing, *texts = ((folder / name).read_bytes().removeprefix(b"\xef\xbb\xbf").removesuffix(b"\n").split(b"\n")
                           for name in ("segments.lst", "segments.en", "segments.de"))
        same("lines", len(entries), len(listing))
        for entry, line, *lines in zip(entries, listing, *texts, strict=True):
            if isinstance(entry, Entry):
                speech, start, end = line.decode().split()
                same("utterance", (entry.audio.stem, entry.offset, entry.duration),
                     (speech, float(start), float(end) - float(start)))
                same("texts", [entry.src_text, entry.tgt_text], [text.decode().strip() for text in lines])
