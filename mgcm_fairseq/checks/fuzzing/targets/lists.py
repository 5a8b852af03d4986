"""Plain lists: SPLIT.lst with a path on each line, SPLIT.en and SPLIT.de with its texts."""

from pathlib import Path
from random import Random

from mgcm_fairseq.checks.fuzzing.spoiling import few, spoil_bytes, spoil_cells, spoil_lines
from mgcm_fairseq.checks.fuzzing.target import Files, same
from mgcm_fairseq.checks.fuzzing.targets.prepared import prepared
from mgcm_fairseq.checks.fuzzing.targets.waves import write_wave
from mgcm_fairseq.preparation.corpora.entries import Entry
from mgcm_fairseq.preparation.corpora.manifest import ManifestCorpus

WAV = "a.wav"
TEXTS = {"en": "The dog sees the house.\nGood morning!\nHe said \"never\".\n中文\n",
         "de": "Der Hund sieht das Haus.\nGuten Morgen!\nEr sagte „nie\".\nUnd mehr\n"}


class Lists:
    """Line i of a text belongs to line i of the list, or nothing is taken."""

    def __init__(self, shared: Path) -> None:
        self._wav, self._out = f"../{shared.name}/{write_wave(shared / WAV).name}", shared / "out"

    def draw(self, random: Random) -> Files:
        listing = f"{self._wav}\n{self._wav}:0:4000\n{self._wav}:4000:8000\n{self._wav}:100:1\n"
        files = {"dev.lst": listing.encode(), **{f"dev.{lang}": text.encode() for lang, text in TEXTS.items()}}
        for _ in range(random.randint(0, 2)):
            name = random.choice(list(files))
            spoils = (spoil_cells(b":" if name.endswith("lst") else b" "), spoil_lines, spoil_bytes)
            files[name] = few(random, files[name], spoils, 2)
        if not random.randrange(20):
            del files[random.choice(list(files))]
        return files

    def read(self, folder: Path) -> None:
        entries = prepared(ManifestCorpus(folder, "en", "de"), "dev", self._out)
        listing, *texts = ((folder / f"dev.{name}").read_bytes().removeprefix(b"\xef\xbb\xbf").removesuffix(b"\n")
                           .split(b"\n") for name in ("lst", "en", "de"))
        same("lines", len(entries), len(listing))
        for entry, *lines in zip(entries, *texts, strict=True):
            if isinstance(entry, Entry):
                same("texts", [entry.src_text, entry.tgt_text], [line.decode().strip() for line in lines])
