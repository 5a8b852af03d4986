"""Tables of your own, SPLIT.tsv with a first line of column names, through the preparation of a split."""

from pathlib import Path
from random import Random

from mgcm_fairseq.checks.fuzzing.spoiling import few, spoil_bytes, spoil_cells, spoil_lines
from mgcm_fairseq.checks.fuzzing.target import Files, same
from mgcm_fairseq.checks.fuzzing.targets.prepared import prepared
from mgcm_fairseq.checks.fuzzing.targets.waves import write_wave
from mgcm_fairseq.preparation.corpora.entries import Entry
from mgcm_fairseq.preparation.corpora.manifest import ManifestCorpus

WAV = "a.wav"
COLUMNS = ("id", "audio", "src_text", "tgt_text", "speaker", "offset", "duration")
ROWS = (("a_1", "{wav}", "The dog sees the old house.", "Der Hund sieht das alte Haus.", "spk.1", "0.25", "0.5"),
        ("a_2", "{wav}", "Good morning!", "Guten Morgen!", "spk.1", "0", "0.25"),
        ("b_1", "{wav}:4000:8000", "He said never.", "Er sagte nie.", "spk.2", "", ""),
        ("c_1", "{wav}", "中文 and more", "Und mehr", "", "1.0", ""))


class Table:
    """A row is an utterance with its texts, or a fault; no third way."""

    def __init__(self, shared: Path) -> None:
        self._wav, self._out = f"../{shared.name}/{write_wave(shared / WAV).name}", shared / "out"

    def draw(self, random: Random) -> Files:
        chosen = [name for name in COLUMNS if name in ("audio", "src_text", "tgt_text") or random.randrange(4)]
        random.shuffle(chosen)
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS[:random.randint(1, 4)]]
        lines = ["\t".join(chosen), *("\t".join(row[name] for name in chosen) for row in rows)]
        data = "".join(f"{line}\n" for line in lines).format(wav=self._wav).encode()
        cells = spoil_cells(b"\t")
        return {"dev.tsv": few(random, data, (cells, cells, cells, spoil_lines, spoil_bytes))}

    def read(self, folder: Path) -> None:
        entries = prepared(ManifestCorpus(folder, "en", "de"), "dev", self._out)
        head, *lines = (folder / "dev.tsv").read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
        names = head.rstrip(b"\r").decode("utf-8", "replace").split("\t")
        same("rows", len(entries), sum(1 for line in lines if line.rstrip(b"\r")))
        for entry in entries:
            if isinstance(entry, Entry):
                cells = dict(zip(names, lines[entry.where[1] - 2].decode().rstrip("\r").split("\t"), strict=True))
                if not any('"' in cell or "\\" in cell for cell in cells.values()):
                    same(f"texts of line {entry.where[1]}", (entry.src_text, entry.tgt_text),
                         (cells["src_text"].strip(), cells["tgt_text"].strip()))
