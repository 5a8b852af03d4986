"""Prepared manifests, SPLIT.tsv, as training, evaluation and the scripts read them."""

from pathlib import Path
from random import Random

from mgcm_fairseq.checks.fuzzing.spoiling import few, spoil_bytes, spoil_cells, spoil_lines
from mgcm_fairseq.checks.fuzzing.target import Files, same
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.columns import Columns
from mgcm_fairseq.data.manifest import COLUMNS, Utterance, read_manifest

ROWS = (("t_0", "audio/a.wav:0:16000", "16000", "Good morning!", "Guten Morgen!", "spk.1", "en", "de"),
        ("t_1", "audio/a.wav:16000:8000", "8000", "", "Ein Hund.", "spk.1", "en", "de"),
        ("u_0", "/far/b.wav:5:3000", "3000", "中文", "Straße", "spk.2", "en", "de"))


class Manifest:
    """Both readers take the same rows, or both refuse."""

    def __init__(self, shared: Path) -> None:
        pass

    def draw(self, random: Random) -> Files:
        data = "".join("\t".join(row) + "\n" for row in (COLUMNS, *ROWS)).encode()
        cells = spoil_cells(b"\t")
        return {"train.tsv": few(random, data, (cells, cells, spoil_cells(b":"), spoil_lines, spoil_bytes))}

    def read(self, folder: Path) -> None:
        path = folder / "train.tsv"
        try:
            rows = read_manifest(path)
        except InputError:
            same("readers that refuse", _taken_by_columns(path), None)
            raise
        same("rows as training reads them", _taken_by_columns(path), rows)
        lines = [line.split("\t") for line in path.read_bytes().decode().removesuffix("\n").split("\n")[1:]]
        same("rows", len(rows), len(lines))
        for row, cells in zip(rows, lines, strict=True):
            written = [row.id, f"{row.audio.path}:{row.audio.offset}:{row.audio.length}", row.src_text, row.tgt_text,
                       row.speaker, row.src_lang, row.tgt_lang]
            wav, offset, length = cells[1].rsplit(":", 2)
            same("row", written, [cells[0], f"{folder / wav}:{int(offset)}:{int(length)}", *cells[3:]])


def _taken_by_columns(path: Path) -> list[Utterance] | None:
    try:
        columns = Columns(path)
    except InputError:
        return None
    return [columns[row] for row in range(len(columns))]
