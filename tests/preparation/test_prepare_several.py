"""Preparation of several source languages: a folder for each direction, and manifests and a vocabulary of all."""

import json
import shutil

import pytest

from mgcm_fairseq.commands.prepare import main
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.manifest import read_manifest
from mgcm_fairseq.data.vocabulary import Vocabulary
from tests.several_languages import LANGUAGES, LETTERS, SPLITS, arguments, write_language
from tests.tiny_mustc import UTTERANCES, write_wav

CODES = ("it", "fr")


def test_manifests_hold_all_languages_in_their_order_and_one_vocabulary_has_their_tags(two_languages):
    config = CorpusConfig.read(two_languages)
    assert (config.src_langs, config.src_lang, config.tgt_lang) == (LANGUAGES, "qab,qaa", "de")
    vocabulary = Vocabulary.load(two_languages, config)
    assert [vocabulary.tag(code) for code in (*LANGUAGES, "de")] == [4, 5, 6]
    for split, count in SPLITS.items():
        rows = read_manifest(two_languages / f"{split}.tsv")
        assert [row.src_lang for row in rows] == [code for code in LANGUAGES for _ in range(count)]
        assert {row.tgt_lang for row in rows} == {"de"}
        assert rows == [row for code in LANGUAGES for row in read_manifest(two_languages / f"{code}-de/{split}.tsv")]
        assert {row.src_text for row in rows} == {
            source.translate(LETTERS[code]) for code in LANGUAGES for *_, source, _ in UTTERANCES[:count]}
        assert all(len(row.audio.read()) == row.n_frames for row in rows)
    line = (two_languages / "dev.tsv").read_text().splitlines()[1]
    assert line.startswith("ted_1_0\tqab-de/data/dev/wav/ted_1.wav:152000:8000\t"), "below the folder, which may move"


def test_simuleval_has_lists_of_each_language(two_languages):
    assert not (two_languages / "simuleval").exists()
    for code in LANGUAGES:
        lists = two_languages / f"{code}-de" / "simuleval"
        wavs = (lists / "tst-COMMON.source").read_text().splitlines()
        assert wavs == [str(lists / "tst-COMMON" / f"{row.id}.wav")
                        for row in read_manifest(two_languages / f"{code}-de" / "tst-COMMON.tsv")]
    assert set(json.loads((two_languages / "prep_report.json").read_text())) == {
        "vocabulary", *(f"{code}-de {split}" for code in LANGUAGES for split in SPLITS)}


def test_what_one_language_has_is_what_it_has_alone_and_is_kept(tmp_path, capsys):
    for code in LANGUAGES:
        write_language(tmp_path, code)
    alone = tmp_path / f"{LANGUAGES[0]}-de"
    assert main([*arguments(tmp_path), "--src-lang", LANGUAGES[0]]) == 0
    before = {path: path.read_bytes() for path in alone.rglob("*.tsv")}
    assert "up to date" not in capsys.readouterr().out
    assert main(arguments(tmp_path)) == 0
    printed = capsys.readouterr().out
    assert {path: path.read_bytes() for path in alone.rglob("*.tsv")} == before
    assert "qab-de train: up to date" in printed
    assert "qaa-de train: done" in printed
    assert main(arguments(tmp_path)) == 0
    assert ": done" not in capsys.readouterr().out
    assert main([*arguments(tmp_path), "--src-lang", "qaa,qab"]) == 0, "in another order they have other ranks"
    assert CorpusConfig.read(tmp_path).src_langs == ("qaa", "qab")
    assert [row.src_lang for row in read_manifest(tmp_path / "dev.tsv")] == ["qaa"] * 3 + ["qab"] * 3


def europarl(root, code):
    """Texts of UTTERANCES with the language in front."""
    for split in ("train", "dev", "test"):
        folder = root / code / "de" / split
        folder.mkdir(parents=True)
        contents = {"segments.lst": [f"speech.{code} {index} {index + 0.9}" for index in range(len(UTTERANCES))],
                    f"segments.{code}": [f"{code} {one[-2]}" for one in UTTERANCES],
                    "segments.de": [one[-1] for one in UTTERANCES],
                    "speeches.lst": [f"speech.{code}"], "speakers.lst": ["one"]}
        for name, lines in contents.items():
            (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (root / code / "audios").mkdir()
    write_wav(root / code / "audios" / f"speech.{code}.wav", len(UTTERANCES))


def covost(root, code):
    (root / code / "clips").mkdir(parents=True)
    rows = [(f"{split}_{index}.wav", f"{code} {one[-2]}", one[-1], "somebody")
            for split in ("train", "dev", "test") for index, one in enumerate(UTTERANCES)]
    for name, *_ in rows:
        write_wav(root / code / "clips" / name, 1.0)
    for split in ("train", "dev", "test"):
        lines = [("path", "sentence", "translation", "client_id"), *(row for row in rows if row[0].startswith(split))]
        (root / code / f"covost_v2.{code}_de.{split}.tsv").write_text(
            "".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")


@pytest.mark.parametrize(("name", "write"), [("europarl-st", europarl), ("covost2", covost)])
def test_directions_of_published_corpora_are_read_together(name, write, tmp_path):
    for code in CODES:
        write(tmp_path / "root", code)
    out = tmp_path / "out"
    assert main(["--corpus", name, "--root", str(tmp_path / "root"), "--lang", "de", "--src-lang", "it,fr",
                 "--vocab-size", "70", "--processes", "1", "--out", str(out)]) == 0
    rows = read_manifest(out / "train.tsv")
    assert sorted((row.src_lang, row.src_text) for row in rows) == sorted(
        (code, f"{code} {one[-2]}") for code in CODES for one in UTTERANCES)
    assert {path.name for path in out.iterdir() if path.is_dir()} == {"it-de", "fr-de"}


def own_table(folder, languages, name="train.tsv", column="src_lang"):
    lines = ["\t".join(filter(None, ["audio", "src_text", "tgt_text", "id", column]))]
    for index, code in enumerate(languages):
        write_wav(folder / f"{index}.wav", 1.0, 1 + index)
        *_, source, target = UTTERANCES[index]
        cells = [f"{index}.wav", source, target, f"same{languages[:index].count(code)}", *([code] if column else [])]
        lines.append("\t".join(cells))
    (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder / name


def prepare_own(table, sources, *more):
    return main(["--manifest", f"train={table}", "--out", str(table.parent / "out"), "--lang", "de", "--src-lang",
                 sources, "--vocab-size", "55", "--processes", "1", *more])


def test_a_table_of_ones_own_may_mix_languages(tmp_path):
    table = own_table(tmp_path, ["qaa", "qab", "qab", "qaa"])
    assert prepare_own(table, "qaa,qab") == 0
    rows = read_manifest(tmp_path / "out" / "train.tsv")
    assert [(row.id, row.src_lang, row.src_text) for row in rows] == [
        ("same0", "qaa", UTTERANCES[0][-2]), ("same1", "qaa", UTTERANCES[3][-2]), ("same0", "qab", UTTERANCES[1][-2]),
        ("same1", "qab", UTTERANCES[2][-2])]


@pytest.mark.parametrize("sources", ["qaa", "qaa,qab"])
def test_a_row_in_a_language_that_nobody_named_is_a_fault_counted_once(tmp_path, capsys, sources):
    table = own_table(tmp_path, ["qaa", "qab" if "," in sources else "qaa", "qac"])
    assert prepare_own(table, sources) == 2
    assert "train.tsv:4: expected src_lang as --src-lang has it" in (said := capsys.readouterr().err)
    assert "found 'qac'" in said
    assert prepare_own(table, sources, "--skip-bad") == 0
    report = json.loads((tmp_path / "out" / "prep_report.json").read_text())
    del report["vocabulary"]
    assert sum(one["left_out"].get("unknown language", 0) for one in report.values()) == 1
    assert sum(one["kept"] for one in report.values()) == 2


def test_what_cannot_be_prepared_together_is_refused(tmp_path, capsys):
    def refused(message, *command):
        assert main([*command]) == 2
        assert message in capsys.readouterr().err

    without = own_table(tmp_path, ["qaa", "qab"], "without.tsv", "")
    (tmp_path / "list.lst").write_text("0.wav\n")
    own = ("--lang", "de", "--out", str(tmp_path / "out"), "--vocab-size", "50", "--processes", "1", "--src-lang")
    refused("expected the columns audio, src_text, tgt_text, src_lang", "--manifest", f"train={without}", *own, "a,b")
    refused("expected a table with a column src_lang", "--manifest", f"train={tmp_path / 'list.lst'}", *own, "a,b")
    refused("each piece of the vocabulary that they share begins a word or does not, found en with spaces, zh without",
            "--manifest", f"train={without}", *own, "en,zh")
    refused("one language for a corpus without train", "--manifest", f"test={without}", *own, "a,b")
    refused("found 'th'", "--manifest", f"train={without}", *own, "a,th")
    write_language(tmp_path, "qaa")
    refused(f"{tmp_path / 'qab-de'}: expected the folder of the language pair", *arguments(tmp_path))
    shutil.copy(own_table(tmp_path, ["qaa", "qab"]), tmp_path / "qaa-de" / "train.tsv")
    refused("expected a folder without the manifests that are read", "--manifest",
            f"train={tmp_path / 'qaa-de' / 'train.tsv'}", "--out", str(tmp_path), "--lang", "de", "--src-lang",
            "qaa,qab")
