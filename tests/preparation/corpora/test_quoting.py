"""Quotes in tables of one's own: those that the writer of the table added go, those of the text stay."""

import csv
import json

import pandas
import pytest

from mgcm_fairseq.data.manifest import read_manifest
from mgcm_fairseq.preparation.corpora.quoting import Quoting
from tests.preparation.corpora.tables import ROWS, prepare, write_table

COLUMNS = ["audio", "src_text", "tgt_text"]
TEXTS = (('He said "never" and left.', "Er sagte „nie“."), ('"Never!"', '"Nie!" sagte er.'), ("Plain.", 'Zoll: 3"'))
FAIRSEQ = {"escapechar": "\\", "quoting": csv.QUOTE_NONE}  # save_df_to_tsv of its examples/speech_to_text
WAYS = {"pandas": {}, "all": {"quoting": csv.QUOTE_ALL}, "fairseq": FAIRSEQ}


def table(texts=TEXTS):
    return pandas.DataFrame([(audio, *pair) for (audio, *_), pair in zip(ROWS, texts, strict=True)], columns=COLUMNS)


def texts_of(out, split="train"):
    return {(row.src_text, row.tgt_text) for row in read_manifest(out / f"{split}.tsv")}


@pytest.mark.parametrize("way", WAYS)
def test_quotes_that_the_writer_of_a_table_added_are_taken_off(folder, way):
    table().to_csv(folder / "train.tsv", sep="\t", index=False, **WAYS[way])
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder)) == 0
    assert texts_of(folder / "out") == set(TEXTS)
    pieces = (folder / "out" / "spm_unigram40.txt").read_text(encoding="utf-8")
    assert '""' not in pieces
    assert "\\" not in pieces


@pytest.mark.parametrize("texts", [
    (('"Never!"', '"Nie!" sagte er.'), ('"To be" or "not to be"', '""Sein"" oder'), ('She said: "We', 'a\\b \\"c" "d')),
    (('"We shall', 'overcome."'), ('""', '"'), ('5" by 7"', "„Nie“ „doch“"))])
def test_quotes_of_a_text_that_nobody_quoted_stay(folder, texts):
    write_table(folder / "train.tsv", COLUMNS, [(row[0], *pair) for row, pair in zip(ROWS, texts, strict=True)])
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder), "--vocab-size", "60") == 0
    assert texts_of(folder / "out") == set(texts)


@pytest.mark.parametrize(("quoted", "odd"), [('"He said ""no""."', 'He said "no".'), ('"a ""b"""', '"open'),
                                             ('"a ""b"""', '"with a\tb"'), ('He said \\"no\\".', 'He said "no".')])
def test_a_cell_that_is_quoted_in_another_way_than_its_table_is_named(folder, quoted, odd, capsys):
    rows = [(ROWS[0][0], quoted, "A."), (ROWS[1][0], odd, "B."), (ROWS[2][0], "Plain.", "C.")]
    write_table(folder / "train.tsv", COLUMNS, rows)
    arguments = ("--corpus", "manifest", "--root", str(folder))
    assert prepare(folder, *arguments) == 2
    error = capsys.readouterr().err
    assert f"error: {folder / 'train.tsv'}:3: expected a cell " in error
    assert f", like line 2, found {odd.split(chr(9))[0]!r}. Repair the corpus, or leave" in error
    assert prepare(folder, *arguments, "--skip-bad") == 0
    report = json.loads((folder / "out" / "prep_report.json").read_text())["train"]
    assert report["left_out"] == {"quotes that do not fit": 1}


def test_a_table_that_shows_two_ways_is_refused_as_a_whole(folder, capsys):
    rows = [(ROWS[0][0], '"He said ""no""."', "A."), (ROWS[1][0], "B.", 'Er sagte \\"nein\\".')]
    write_table(folder / "train.tsv", COLUMNS, rows)
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder), "--skip-bad") == 2
    assert f"{folder / 'train.tsv'}:3: expected a cell as csv quotes it" in capsys.readouterr().err


def test_a_tab_behind_a_backslash_that_is_text_ends_its_cell(folder):
    rows = [(ROWS[0][0], 'A \\"backslash\\": \\\\', "Ein Schrägstrich"), (ROWS[1][0], "Another.", "Noch einer.")]
    write_table(folder / "train.tsv", COLUMNS, rows)
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder)) == 0
    assert ('A "backslash": \\', "Ein Schrägstrich") in texts_of(folder / "out")


def test_a_table_that_is_known_for_backslashes_may_have_cells_of_csv():
    """As CoVoST's: what its format promises, and what a table made from it may have."""
    text = '"He said ""no""."\t"Never!" he said.\tHe said \\"no\\".\tplain'
    assert Quoting("backslashes").cells(text, ("a.tsv", 2)) == ['He said "no".', '"Never!" he said.', 'He said "no".',
                                                                "plain"]


@pytest.mark.parametrize("line", ['"He said ""no""."', 'He said \\"no\\".'])
def test_a_text_beside_a_list_that_is_quoted_as_a_table_is_refused(folder, line, capsys):
    for ending, column in (("lst", 0), ("en", 1), ("de", 2)):
        lines = [row[column] for row in ROWS]
        (folder / f"train.{ending}").write_text("".join(f"{one}\n" for one in lines), encoding="utf-8")
    (folder / "train.de").write_text(f'"Nie!" sagte er.\n{line}\n"Doch."\n', encoding="utf-8")
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder), "--skip-bad") == 2
    assert f"{folder / 'train.de'}:2: expected a sentence as it is spoken or written" in capsys.readouterr().err
