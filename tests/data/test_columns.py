"""A manifest by column holds what a manifest by line holds."""

import pickle

import numpy as np
import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.columns import Columns
from mgcm_fairseq.data.manifest import COLUMNS, read_manifest
from mgcm_fairseq.data.ragged import Ragged, Repeated, Texts

LINES = ("u1\ta.wav:0:3\t3\tGood day\tGrüß Gott\ts\ten\tde", "u2\t/far/b.wav:7:5\t5\t漢字\t\ts\ten\tde",
         "u3\ta.wav:3:9\t9\t\tja\tt\ten\tfr")


def write(folder, *lines):
    path = folder / "train.tsv"
    path.write_text("\n".join(("\t".join(COLUMNS), *lines)) + "\n", encoding="utf-8")
    return path


def test_rows_are_those_of_the_manifest(tmp_path):
    path = write(tmp_path, *LINES)
    columns, rows = Columns(path), read_manifest(path)
    assert list(columns) == rows
    assert columns[-1] == rows[2]
    assert columns[:2] == rows[:2]
    for index, row in enumerate(rows):
        assert columns.span(index) == (str(row.audio.path), row.audio.offset, row.audio.length)
    assert len(columns.wavs.distinct) == 2
    assert list(pickle.loads(pickle.dumps(columns))) == rows


@pytest.mark.parametrize("line", ["u\ta.wav:0:3\t4\tx\ty\ts\ten\tde", "u\ta.wav:0\t3\tx\ty\ts\ten\tde",
                                  "u\ta.wav:0:3\t3"])
def test_faults_are_the_manifests(tmp_path, line):
    path = write(tmp_path, LINES[0], line)
    with pytest.raises(InputError) as of_lines:
        read_manifest(path)
    with pytest.raises(InputError) as of_columns:
        Columns(path)
    assert str(of_columns.value) == str(of_lines.value)
    assert f"{path}:3" in str(of_lines.value)


def test_a_manifest_without_utterances_is_a_fault(tmp_path):
    with pytest.raises(InputError, match="at least one utterance"):
        Columns(write(tmp_path))


def test_flat_rows_are_the_rows():
    rows = [[1, 2], [], [3], [-5, 1 << 30]]
    texts = ["a", "", "ä漢", "a"]
    ragged, repeated = Ragged(), Repeated()
    for row, text in zip(rows, texts, strict=True):
        ragged.add(row)
        repeated.add(text)
    repeated.close()
    assert [ragged[index].tolist() for index in range(len(ragged))] == rows
    assert ragged.lengths.tolist() == [len(row) for row in rows]
    assert ragged[0].dtype == np.int32
    for column in (repeated, Texts(texts)):
        assert [column[index] for index in range(len(column))] == texts


@pytest.mark.parametrize(("line", "found"), [
    ("u\ta.wav:0:²\t²\tx\ty\ts\ten\tde".encode(), "path:offset:length"),
    (b"u\ta.wav:99999999999999999999:3\t3\tx\ty\ts\ten\tde", "path:offset:length"),
    (b"u\ta.wav:0:" + b"9" * 5000 + b"\t9\tx\ty\ts\ten\tde", "path:offset:length"),
    (b"u\ta.wav:0:3\t3\tx\xff\ty\ts\ten\tde", "utf-8, found byte 0xff")])
def test_what_is_no_number_and_no_text_is_a_fault_of_its_line(tmp_path, line, found):
    path = write(tmp_path, LINES[0])
    path.write_bytes(path.read_bytes() + line + b"\n")
    for read in (read_manifest, Columns):
        with pytest.raises(InputError, match=rf"train\.tsv:3: .*{found}"):
            read(path)
