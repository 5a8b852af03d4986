"""Preparation from end to end: files, filter, report, wrong input and the shell script."""

import json
import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import soundfile

from mgcm_fairseq.commands.prepare import main
from mgcm_fairseq.data.audio import AudioSpan
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.manifest import read_manifest
from mgcm_fairseq.data.vocabulary import Vocabulary, train
from mgcm_fairseq.preparation.checked import CheckedEntry
from mgcm_fairseq.preparation.corpora import CORPORA
from mgcm_fairseq.preparation.corpora.mustc import MustC
from mgcm_fairseq.preparation.empty_text import is_empty_text
from mgcm_fairseq.preparation.splits import train_filter

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of pydub, about Python 3.13
    from simuleval.data.dataloader.s2t_dataloader import SpeechToTextDataloader

from tests.preparation.preparing import arguments

REPOSITORY = Path(__file__).parents[2]


def test_every_file_is_there_and_fits_the_others(corpus, capsys):
    corpus.write_split("tst-HE")
    assert main(arguments(corpus)) == 0
    config = CorpusConfig.read(corpus.pair)
    assert config == CorpusConfig("en", "de", 16_000, "spm_unigram50.txt", "spm_unigram50.model")
    assert len(Vocabulary.load(corpus.pair, config)) == 50
    assert json.loads((corpus.pair / "prep_report.json").read_text())["vocabulary"] == {
        "asked": 50, "size": 50, "unknown_characters": 0, "unknown_occurrences": 0}
    for split in ("train", "dev", "tst-COMMON", "tst-HE"):
        rows = read_manifest(corpus.pair / f"{split}.tsv")
        assert [row.id for row in rows] == ["ted_1_0", "ted_1_1", "ted_1_2", "ted_2_0", "ted_2_1"]
        assert (rows[1].src_text, rows[1].tgt_text) == ("The dog sees the old house.", "Der Hund sieht das alte Haus.")
        assert {(row.src_lang, row.tgt_lang) for row in rows} == {("en", "de")}
    line = (corpus.pair / "dev.tsv").read_text(encoding="utf-8").splitlines()[1]
    assert line == "ted_1_0\tdata/dev/wav/ted_1.wav:152000:8000\t8000\tGood morning!\tGuten Morgen!\tspk.1\ten\tde"
    assert "vocabulary: 50 pieces" in capsys.readouterr().out


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_simuleval_reads_the_samples_and_references_of_the_manifest(corpus, subtype, monkeypatch):
    noise = np.random.default_rng(0).uniform(-1, 1, 4 * 16_000)
    soundfile.write(corpus.wav("dev", "ted_2.wav"), noise, 16_000, subtype=subtype)
    monkeypatch.chdir(corpus.root)  # lists must not depend on the folder in which the preparation ran
    assert main(["--root", ".", *arguments(corpus)[2:]]) == 0
    monkeypatch.chdir("/")
    lists = corpus.pair / "simuleval"
    loaded = SpeechToTextDataloader.from_files(lists / "dev.source", lists / "dev.target", None)
    rows = read_manifest(corpus.pair / "dev.tsv")
    assert [Path(loaded.get_source_audio_path(index)).stem for index in range(len(loaded))] == [row.id for row in rows]
    for index, row in enumerate(rows):
        np.testing.assert_array_equal(np.float32(loaded.get_source(index)), row.audio.read())
        assert loaded.get_target(index) == row.tgt_text
        assert loaded.get_source_audio_info(index).samplerate == 16_000
    assert sorted(path.name for path in (lists / "dev").iterdir()) == sorted(f"{row.id}.wav" for row in rows)


def test_the_filter_counts_what_it_removes_from_train_and_leaves_dev_alone(corpus, write_wav, capsys):
    for split in ("train", "dev"):
        text = corpus.txt(split, "yaml").read_text()
        for duration, offset, english, german in ((2_999 / 16_000, 0, "Too short.", "Zu kurz."),
                                                  (3_000 / 16_000, 1, "Just long enough.", "Lang genug."),
                                                  (30.0, 2, "Just short enough.", "Kurz genug."),
                                                  (480_001 / 16_000, 40, "Too long.", "Zu lang."),
                                                  (1.0, 80, " ", "Leer."), (1.0, 82, "Empty.", "")):
            text += f"- {{duration: {duration}, offset: {offset}, speaker_id: s, wav: ted_3.wav}}\n"
            for suffix, line in (("en", english), ("de", german)):
                with corpus.txt(split, suffix).open("a", encoding="utf-8") as out:
                    out.write(line + "\n")
        corpus.txt(split, "yaml").write_text(text)
        write_wav(corpus.wav(split, "ted_3.wav"), 90.0)
    assert main(arguments(corpus)) == 0
    assert len(read_manifest(corpus.pair / "dev.tsv")) == 11
    kept = read_manifest(corpus.pair / "train.tsv")
    assert [row.id for row in kept[5:]] == ["ted_3_1", "ted_3_2"]
    assert [row.n_frames for row in kept[5:]] == [3_000, 480_000]
    report = json.loads((corpus.pair / "prep_report.json").read_text(encoding="utf-8"))
    assert report["train"]["filtered"] == {
        "shorter than 3000 samples": 1, "longer than 480000 samples": 1, "empty text": 2}
    assert (report["train"]["utterances"], report["train"]["kept"], report["dev"]["filtered"]) == (11, 7, {})
    assert "train: the train filter of DiSeg removed 2: empty text" in capsys.readouterr().out


EMPTY = ["\u200b", "\ufeff\u200b", "\x07", "\u00ad \u2060", "\u3000", "▁", "\ufffd", "\x00", "\u2028\x85",
          "\u3164", "\uffa0 \u115f", "\u2800", "\ufe0f", "\u034f\u200b", "\u0301"]


def test_text_that_a_vocabulary_sees_nothing_in_is_empty_text():
    """Beside that, text which SentencePiece has pieces for, but no reader: controls, joiners, soft hyphens."""
    for index, text in enumerate(EMPTY):
        utterance = CheckedEntry("a", AudioSpan(Path("a.wav"), 0, 16_000), Path("a.wav"), "s", "A.", "B.", 0)
        suffix = ("src_text", "tgt_text")[index % 2]
        assert train_filter(replace(utterance, **{suffix: text})) == "empty text", repr(text)
        assert train_filter(replace(utterance, **{suffix: f"{text}5"})) is None
    model = sentencepiece.SentencePieceProcessor(model_proto=train(["The dog sees a house."] * 20, 20, ("en", "de")))
    nothing = [char for char in map(chr, [*range(0xd800), *range(0xe000, 0x20000)]) if not model.encode(char)]
    assert len(nothing) > 50
    assert all(is_empty_text(char) for char in nothing), [hex(ord(char)) for char in nothing if not is_empty_text(char)]


def spoil(corpus) -> None:
    """Three kinds of fault in five utterances of train and one of dev."""
    corpus.wav("train", "ted_1.wav").unlink()
    corpus.set_line(corpus.txt("train", "yaml"), 4, "- {duration: 2.0, offset: 3.0, speaker_id: s, wav: ted_2.wav}")
    corpus.set_line(corpus.txt("dev", "de"), 5, "Wir\tkommen")


def test_without_skip_bad_the_first_fault_ends_it_without_traceback(corpus, capsys):
    spoil(corpus)
    assert main(arguments(corpus)) == 2
    error = capsys.readouterr().err
    assert f"error: {corpus.txt('train', 'yaml')}:1: expected {corpus.wav('train', 'ted_1.wav')}" in error
    assert not (corpus.pair / "train.tsv").exists()


def test_skip_bad_reports_every_utterance_it_leaves_out(corpus, capsys):
    spoil(corpus)
    corpus.set_line(corpus.txt("train", "en"), 5, "Everything that is left: the quick brown fox jumps.")
    assert main([*arguments(corpus, "--skip-bad"), "--vocab-size", "60"]) == 0
    report = json.loads((corpus.pair / "prep_report.json").read_text(encoding="utf-8"))
    assert report["train"]["left_out"] == {"missing audio": 3, "past the end of the audio": 1}
    assert report["dev"]["left_out"] == {"tab or line break in text": 1}
    for split in ("train", "dev", "tst-COMMON"):
        summary = report[split]
        assert summary["utterances"] == 5 == summary["kept"] + sum(summary["left_out"].values())
        assert summary["kept"] == len(read_manifest(corpus.pair / f"{split}.tsv"))
        assert len(summary["faults"]) == sum(summary["left_out"].values())
    assert report["dev"]["faults"][0]["message"].startswith(f"{corpus.txt('dev', 'de')}:5: ")
    printed = capsys.readouterr().out
    assert "train: --skip-bad left out 3: missing audio" in printed
    assert f"{corpus.txt('train', 'yaml')}:4: " in printed


def test_skip_bad_does_not_hide_a_fault_of_a_whole_file(corpus, capsys):
    corpus.txt("dev", "en").write_text("one line\n")
    assert main(arguments(corpus, "--skip-bad")) == 2
    assert f"{corpus.txt('dev', 'en')}:2: expected 5 lines" in capsys.readouterr().err


def test_skip_bad_that_leaves_nothing_is_an_error(corpus, capsys):
    for wav in corpus.wav("dev", "").iterdir():
        wav.unlink()
    assert main(arguments(corpus, "--skip-bad")) == 2
    assert "expected at least one usable utterance, found none of 5: {'missing audio': 5}" in capsys.readouterr().err


def test_a_vocabulary_smaller_than_asked_is_said_aloud(corpus, capsys):
    assert main([*arguments(corpus), "--vocab-size", "10000"]) == 0
    size = len(Vocabulary.load(corpus.pair, CorpusConfig.read(corpus.pair)))
    assert 50 < size < 10_000
    printed = capsys.readouterr().out
    assert f"vocabulary: {size} pieces, all that this text allows, not the 10000 of --vocab-size. " in printed
    assert f"--vocab-size {size} asks for as many.\n" in printed


@pytest.mark.parametrize(("more", "says"), [
    (["--splits", "dev"], "--splits: expected train among the splits"),
    (["--lang", "fr"], "en-fr: expected the folder of the language pair, found no such folder"),
    (["--splits", "train", "tst-2030"], "tst-2030: expected a folder of the MuST-C layout"),
    (["--vocab-size", "8"], "found 8. Pass --vocab-size 44 or more.\n"),
])
def test_options_that_do_not_fit_are_errors(corpus, more, says, capsys):
    assert main([*arguments(corpus), *more]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--vocab-size", "--processes"])
def test_numbers_below_one_are_refused(corpus, option, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([*arguments(corpus), option, "0"])
    assert f"{option}: expected a whole number from 1 on, found '0'" in capsys.readouterr().err


def run_script(corpus, python: str) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"PYTHON": python}
    return subprocess.run([REPOSITORY / "scripts" / "prep_mustc.sh", *arguments(corpus)], env=environment,
                          cwd=corpus.root, capture_output=True, text=True, check=False)


def test_the_script_prepares_and_prints_the_table(corpus):
    result = run_script(corpus, sys.executable)
    assert (result.returncode, (corpus.pair / "config.yaml").exists()) == (0, True), result.stderr
    assert "tst-COMMON           5         5" in result.stdout


def test_the_script_ends_with_a_message_on_bad_input_and_without_a_python(corpus):
    corpus.wav("dev", "ted_2.wav").unlink()
    result = run_script(corpus, sys.executable)
    assert (result.returncode, "Traceback" in result.stderr) == (2, False)
    assert f"error: {corpus.txt('dev', 'yaml')}:4: " in result.stderr
    result = run_script(corpus, "/no/such/python")
    assert (result.returncode, result.stdout) == (2, "")
    assert "expected a Python at /no/such/python, found none. Run scripts/setup.sh first" in result.stderr


class WithoutSplits(MustC):
    """A reader that does not say itself that its corpus is not there."""

    def splits(self):
        return []


def test_a_root_in_which_a_reader_finds_no_split_is_refused_and_nothing_is_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(CORPORA, "mustc", f"{__name__}.WithoutSplits")
    assert main(["--corpus", "mustc", "--root", str(tmp_path / "nothing"), "--lang", "de"]) == 2
    assert "--root: expected a corpus as --corpus mustc reads it, found no split" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
