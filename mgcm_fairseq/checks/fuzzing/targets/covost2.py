"""CoVoST 2's tables, split or not, through the preparation of a split."""

import re
from pathlib import Path
from random import Random

from mgcm_fairseq.checks.fuzzing.spoiling import few, spoil_bytes, spoil_cells, spoil_lines
from mgcm_fairseq.checks.fuzzing.target import Files, same
from mgcm_fairseq.checks.fuzzing.targets.prepared import prepared
from mgcm_fairseq.checks.fuzzing.targets.waves import write_wave
from mgcm_fairseq.preparation.corpora.covost2 import PARTS, CoVoST2
from mgcm_fairseq.preparation.corpora.entries import Entry

VALIDATED = ("client_id\tpath\tsentence\tup_votes\n"
             "c1\tv_1.wav\tHe said never.\t2\nc2\tv_2.wav\tA back\\\\slash\t2\nc3\tv_3.wav\tNobody knows.\t1\n")
TABLE = "path\ttranslation\tsplit\nv_3.wav\tNiemand weiß.\tdev\nv_1.wav\tEr sagte nie.\tdev\nv_2.wav\tStrich\ttrain\n"
SPLIT = ("path\tsentence\ttranslation\tclient_id\nv_1.wav\tHe said never.\tEr sagte nie.\tc1\n"
         "v_2.wav\tA back\\\\slash\tStrich\tc2\n")


class CoVoSTTables:
    """A row of the split is an utterance, or a fault."""

    def __init__(self, shared: Path) -> None:
        self._root, self._out = shared / "root", shared / "out"
        for number in (1, 2, 3):
            write_wave(self._root / "clips" / f"v_{number}.wav")

    def draw(self, random: Random) -> Files:
        files = {"validated.tsv": VALIDATED.encode(), "covost_v2.en_de.tsv": TABLE.encode()}
        if random.randrange(2):
            files = {"covost_v2.en_de.dev.tsv": SPLIT.encode()}
        name, cells = random.choice(list(files)), spoil_cells(b"\t")
        files[name] = few(random, files[name], (cells, cells, cells, spoil_lines, spoil_bytes))
        return files

    def read(self, folder: Path) -> None:
        for old in self._root.glob("*.tsv"):
            old.unlink()
        for path in folder.iterdir():
            (self._root / path.name).write_bytes(path.read_bytes())
        entries = prepared(CoVoST2(self._root, "en", "de"), "dev", self._out)
        found = {f"{one.where[0]}:{one.where[1]}" if isinstance(one, Entry) else one.where for one in entries}
        same("rows of the split", len(found), _rows(folder))  # a clip that is twice in validated.tsv is a fault more


def _rows(folder: Path) -> int:
    """Those of the split, or that say to be of it; a broken row of the whole table is reported with train."""
    of_split = folder / "covost_v2.en_de.dev.tsv"
    table = of_split if of_split.is_file() else folder / "covost_v2.en_de.tsv"
    head, *lines = table.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    rows = [line.rstrip(b"\r") for line in lines if line.rstrip(b"\r")]
    if of_split.is_file():
        return len(rows)
    names = head.rstrip(b"\r").decode("utf-8", "replace").split("\t")
    count = 0
    for row in rows:
        try:
            text = re.sub(r"\\(.)", lambda escaped: escaped[1].replace("\t", " "), row.decode())
        except UnicodeDecodeError:
            continue
        cells = text.split("\t")
        if len(cells) == len(names):
            count += dict(zip(names, cells, strict=True))["split"] in PARTS["dev"]
    return count
