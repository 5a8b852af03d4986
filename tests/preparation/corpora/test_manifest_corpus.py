"""Speech of your own: tables with and without optional columns, lists with texts beside them, and their faults."""

import json
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from mgcm_fairseq.commands.prepare import main
from mgcm_fairseq.common.steps import StepRecord
from mgcm_fairseq.evaluation.test_sets import test_set as read_test_set
from mgcm_fairseq.preparation.corpora.manifest import ManifestCorpus
from mgcm_fairseq.preparation.parallel import ProcessPool
from mgcm_fairseq.preparation.splits import SplitWriter
from tests.data.sounds import at_16_khz, noise, similarity, spoken, write_sound
from tests.preparation.corpora.tables import ROWS, prepare, sound, write_table


def test_a_table_of_whole_files(folder):
    for split in ("train", "dev", "mine"):
        rows = [(source, path, target) for path, source, target in ROWS]
        write_table(folder / f"{split}.tsv", ("src_text", "audio", "tgt_text"), rows)
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder)) == 0
    for split in ("train", "dev", "mine"):
        found = spoken(folder / "out", split)
        assert list(found) == ["a_0", "a_1", "b_0"]  # two files called a are told apart
        for name, (path, *texts) in zip(("a_0", "b_0", "a_1"), ROWS, strict=True):
            assert found[name][1:] == (*texts, "unknown")
            assert abs(found[name][0] - sound(path)).max() < 1e-4
    assert (folder / "out" / "simuleval" / "mine.source").exists()
    assert not (folder / "out" / "audio").exists()


def test_empty_lines_of_a_table_are_no_rows(folder, capsys):
    write_table(folder / "train.tsv", ("audio", "src_text", "tgt_text"), ROWS)
    with (folder / "train.tsv").open("a") as file:
        file.write("\n\r\n")
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder)) == 0
    with (folder / "train.tsv").open("a") as file:
        file.write("\t\t\n")
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder)) == 2
    assert f"{folder / 'train.tsv'}:7: expected the path of a sound file" in capsys.readouterr().err


def test_a_table_with_spans_names_and_speakers(folder):
    columns = ("id", "audio", "offset", "duration", "src_text", "tgt_text", "speaker", "n_frames")
    rows = [("x2", "wavs/a.wav", 0.5, "", "Late.", "Spät.", "ann", 1), ("x1", "wavs/a.wav", "", 0.25, "Early.", "Früh.",
                                                                        "bob", 1),
            ("x3", "wavs/b.wav:4000:8000", "", "", "In samples.", "In Samples.", "ann", 1)]
    write_table(folder / "my.tsv", columns, rows)
    assert prepare(folder, "--manifest", f"train={folder / 'my.tsv'}", f"test={folder / 'my.tsv'}") == 0
    found = spoken(folder / "out", "train")
    assert [(name, row[3]) for name, row in found.items()] == [("x1", "bob"), ("x2", "ann"), ("x3", "ann")]
    for name, path, start, end in (("x1", "wavs/a.wav", 0, 4000), ("x2", "wavs/a.wav", 8000, 16000),
                                   ("x3", "wavs/b.wav", 4000, 12000)):
        assert len(found[name][0]) == end - start
        assert similarity(found[name][0], sound(path)[start:end]) > 0.999


def test_a_list_with_texts_beside_it(folder):
    for split in ("train", "test"):
        for ending, column in (("lst", 0), ("en", 1), ("de", 2)):
            (folder / f"{split}.{ending}").write_text("".join(f"{row[column]}\n" for row in ROWS), encoding="utf-8")
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder)) == 0
    assert [row[1] for row in spoken(folder / "out", "test").values()] == [ROWS[0][1], ROWS[2][1], ROWS[1][1]]


@pytest.mark.parametrize(("ending", "rate", "channels", "options", "lowest"), [
    ("mp3", 44_100, 2, {}, 0.95), ("flac", 48_000, 1, {}, 0.999), ("wav", 8_000, 1, {}, 0.999),
    ("wav", 16_000, 2, {}, 0.999), ("ogg", 16_000, 1, {}, 0.9), ("m4a", 48_000, 2, {}, 0.95)])
def test_any_audio_is_converted(folder, ending, rate, channels, options, lowest):
    path = folder / f"other.{ending}"
    write_sound(path, noise(1.5, 3, rate), rate, channels, **options)
    write_table(folder / "train.tsv", ("audio", "src_text", "tgt_text"), [(path.name, ROWS[0][1], ROWS[0][2]), ROWS[1]])
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder)) == 0
    found = spoken(folder / "out", "train")["other_0"][0]
    expected = at_16_khz(noise(1.5, 3, rate), rate)
    assert 0 <= len(found) - len(expected) < 1100  # AAC ends with a whole frame
    assert similarity(found, expected) > lowest
    line = (folder / "out" / "train.tsv").read_text().split("\n")[1]
    assert line.split("\t")[1] == f"audio/train/pack_00000.wav:0:{len(found)}"
    assert json.loads((folder / "out" / "prep_report.json").read_text())["train"]["converted"] == 1


@pytest.mark.parametrize(("row", "reason", "says"), [
    (("wavs/a.wav", "x", "no number", "", "A.", "B."), "bad offset", "offset as a number of seconds from 0 on"),
    (("wavs/a.wav", "x", "0.5", "9", "A.", "B."), "past the end of the audio", "an utterance within the 1.0 s of"),
    (("wavs/a.wav", "x", "1.5", "", "A.", "B."), "past the end of the audio", "found offset 1.5 s."),
    (("wavs/b.wav", "one", "", "", "A.", "B."), "duplicate id", "every id once, found one"),
    (("wavs/b.wav", "a/b", "", "", "A.", "B."), "bad id", "id as a plain name, found 'a/b'"),
    (("wavs/b.wav", "", "", "", "A.", "B."), "bad id", "id as a plain name, found ''"),
    (("wavs/b.wav", "ü" * 130, "", "", "A.", "B."), "bad id", "id of at most 235 bytes, found 260, beginning with 'ü"),
    (("wavs/c.wav", "x", "", "", "A.", "B."), "missing audio", "no such file"),
    ((f"wavs/{'c' * 300}.wav", "x", "", "", "A.", "B."), "bad audio", "audio of at most 235 bytes, found 304"),
    (("wavs/c\0.wav", "x", "", "", "A.", "B."), "bad audio", "audio as a plain name, found 'c\\x00.wav'"),
    (("wavs/" * 900 + "c.wav", "x", "", "", "A.", "B."), "missing audio", "no such file"),
    (("wavs/a.wav:0:9000", "x", "0.5", "", "A.", "B."), "two spans", "which has its own, found offset 0.5."),
    (("wavs/a.wav:0:9000", "x", "", "0.5", "A.", "B."), "two spans", "no offset and no duration beside wavs/a.wav:0:"),
    (("", "x", "", "", "A.", "B."), "no audio", "the path of a sound file"),
    (("wavs/a.wav", "x", "", "", "A."), "wrong number of fields", "6 fields separated by tabs, found 5"),
])
def test_a_faulty_row_is_named_and_can_be_left_out(folder, row, reason, says, capsys):
    columns = ("audio", "id", "offset", "duration", "src_text", "tgt_text")
    rows = [("wavs/a.wav", "one", "", "", *ROWS[0][1:]), row, ("more/a.wav", "three", "", "", *ROWS[2][1:])]
    write_table(folder / "train.tsv", columns, rows)
    arguments = ("--corpus", "manifest", "--root", str(folder))
    assert prepare(folder, *arguments) == 2
    error = capsys.readouterr().err
    assert f"error: {folder / 'train.tsv'}:3: expected " in error
    assert says in error
    assert prepare(folder, *arguments, "--skip-bad") == 0
    assert list(spoken(folder / "out", "train")) == ["one", "three"]
    assert json.loads((folder / "out" / "prep_report.json").read_text())["train"]["left_out"] == {reason: 1}


LONG = ["ü" * 117, "one\u2028two\x85three\x1d"]


@pytest.mark.parametrize("name", LONG)
def test_an_id_that_is_taken_can_be_evaluated(folder, name):
    for split in ("train", "test"):
        write_table(folder / f"{split}.tsv", ("id", "audio", "src_text", "tgt_text"), [(name, *ROWS[0])])
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder)) == 0
    options = Namespace(corpus=folder / "out", split="test", checkpoint=None, source_segment_size=320, dtype="fp32",
                        device="cpu", source_lang=None)
    sources, setting = read_test_set(options, folder / "out")
    assert (sources, [Path(wav).name for wav in setting.wavs]) == ([ROWS[0][1]], [f"{name}.wav"])


def test_the_longest_name_of_a_talk_can_be_converted_and_evaluated(folder):
    talk = f"{'t' * 231}.wav"
    write_sound(folder / talk, noise(1.0, 1, 44_100), 44_100)
    for split in ("train", "test"):
        write_table(folder / f"{split}.tsv", ("audio", "src_text", "tgt_text"), [(talk, *ROWS[0][1:])])
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder)) == 0
    assert [path.name for path in (folder / "out" / "simuleval" / "test").iterdir()] == [f"{talk[:-4]}_0.wav"]


def test_a_row_that_is_not_utf8_is_left_out(folder):
    write_table(folder / "train.tsv", ("audio", "src_text", "tgt_text"), ROWS)
    with (folder / "train.tsv").open("ab") as file:
        file.write(b"wavs/a.wav\tgr\xfcn\tgreen\n")
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder), "--skip-bad") == 0
    fault, = json.loads((folder / "out" / "prep_report.json").read_text())["train"]["faults"]
    assert f"{folder / 'train.tsv'}:5: expected text in utf-8, found byte 0xfc after" in fault["message"]


@pytest.mark.parametrize(("name", "text", "found"), [
    ("train.tsv", "audio\tsrc_text\ttgt_text\n", "at least one usable utterance, found no utterance at all. Repair"),
    ("train.lst", "", "at least one utterance, found none. Complete the corpus")])
def test_a_manifest_without_rows_is_an_error(folder, name, text, found, capsys):
    for path in (folder / "train.en", folder / "train.de", folder / name):
        path.write_text(text if path.name == name else "")
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder)) == 2
    assert f"expected {found}" in capsys.readouterr().err


def test_a_missing_column_and_a_missing_manifest_are_errors(folder, capsys):
    write_table(folder / "train.tsv", ("audio", "text"), [])
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder)) == 2
    assert "train.tsv:1: expected the columns audio, src_text, tgt_text, found no src_text" in capsys.readouterr().err
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder / "wavs")) == 2
    assert "expected a table train.tsv or a list train.lst, found neither" in capsys.readouterr().err


def test_without_pyav_the_error_says_how_to_get_it(folder, monkeypatch, capsys):
    write_sound(folder / "a.m4a", sound("a"), 16_000)
    write_table(folder / "train.tsv", ("audio", "src_text", "tgt_text"), [("a.m4a", "One.", "Eins.")])
    monkeypatch.setitem(sys.modules, "av", None)  # what makes an import fail
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder), "--skip-bad") == 2
    error = capsys.readouterr().err
    assert "a.m4a: expected PyAV, which reads .m4a, found no module av. Install it: pip install -c " in error
    assert "constraints.txt -e '.[m4a]'" in error


@pytest.mark.parametrize("languages", [("--lang", "th"), ("--lang", "de", "--src-lang", "lo")])
def test_a_language_that_cannot_be_counted_is_refused_before_anything_is_written(folder, languages, capsys):
    write_table(folder / "train.tsv", ("audio", "src_text", "tgt_text"), ROWS)
    assert prepare(folder, "--manifest", f"train={folder / 'train.tsv'}", *languages) == 2
    assert "language: expected one whose words have spaces between them" in capsys.readouterr().err
    assert not (folder / "out").exists()


@pytest.mark.parametrize(("arguments", "says"), [
    (["--lang", "de"], "expected one of --root and --manifest, found neither"),
    (["--lang", "de", "--root", "x", "--manifest", "train=x.tsv"], "expected one of --root and --manifest, found both"),
    (["--lang", "de", "--manifest", "train=x.tsv"], "--manifest needs --out"),
    (["--lang", "de", "--corpus", "covost2", "--manifest", "train=x.tsv", "--out", "y"],
     "--manifest is read instead of --corpus covost2"),
    (["--lang", "de", "--manifest", "x.tsv", "--out", "y"], "expected SPLIT=FILE, such as train=my.tsv, found 'x.tsv'"),
])
def test_options_that_do_not_fit_are_refused(arguments, says, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(("column", "value", "reason"), [
    ("audio", "a\0b.wav", "bad audio"), ("audio", "a" * 300 + ".wav", "bad audio"),
    ("audio", "a.wav:" + "9" * 5_000 + ":1", "bad audio"), ("duration", "1e308", "bad duration"),
    ("offset", "1e300", "bad offset"), ("offset", "9" * 400, "bad offset")])
def test_names_and_numbers_beyond_all_bounds_are_faults_of_an_utterance(tmp_path, column, value, reason):
    write_sound(tmp_path / "a.wav", sound("a"), 16_000, subtype="PCM_16")
    good = {"audio": "a.wav", "src_text": "A dog.", "tgt_text": "Ein Hund.", "offset": "0", "duration": "0.5"}
    rows = [good, {**good, column: value}]
    (tmp_path / "dev.tsv").write_text("".join("\t".join(row) + "\n" for row in (good, *(row.values() for row in rows))))
    corpus, record = ManifestCorpus(tmp_path, "en", "de"), StepRecord(tmp_path / "steps.json")
    writer = SplitWriter(corpus, "dev", "en", "de", skip_bad=True, pack=False, processes=ProcessPool(1, tmp_path))
    (tmp_path / "out").mkdir()
    summary, _ = record.run("dev", {}, corpus.inputs("dev"), lambda: writer.write(tmp_path / "out"))
    assert (summary["kept"], summary["left_out"]) == (1, {reason: 1})


def test_two_tables_of_one_split_are_refused(folder, capsys):
    write_table(folder / "a.tsv", ("audio", "src_text", "tgt_text"), ROWS)
    assert prepare(folder, "--manifest", f"train={folder / 'a.tsv'}", f"train={folder / 'b.tsv'}") == 2
    assert "--manifest: expected a table for each split, found two of train." in capsys.readouterr().err
