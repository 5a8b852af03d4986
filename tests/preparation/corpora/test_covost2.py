"""CoVoST 2 from a miniature in its layout: clips in real mp3, the published tables, split by CoVoST or not."""

import csv
import json
import shutil

import numpy as np
import pandas
import pytest

from mgcm_fairseq.commands.prepare import main
from mgcm_fairseq.data.manifest import read_manifest
from tests.data.sounds import at_16_khz, noise, similarity, spoken, write_sound

RATE = 48_000
COLUMNS = ["client_id", "path", "sentence", "up_votes", "down_votes", "age", "gender", "accent", "locale", "utterance"]
# number of the clip, split in CoVoST's table, transcript, translation
CLIPS = ((17, "train", 'He said "never" and left the room.', 'Er sagte „nie" und verließ den Raum.'),
         (4, "train_covost", "A back\\slash belongs to the text.", "Der Schrägstrich gehört zum Text."),
         (9, "dev", "Good morning to all of you!", "Guten Morgen euch allen!"),
         (23, "test", "Nobody knows the way.", "Niemand kennt den Weg."),
         (31, None, "This one has no translation.", ""),
         (40, "train", "The quick fox jumps over it.", "Der schnelle Fuchs springt darüber."))


def clip(number):
    return f"common_voice_en_{number}.mp3"


def write_table(path, rows, columns):
    """As CoVoST writes and reads tables."""
    pandas.DataFrame(rows, columns=columns).to_csv(path, sep="\t", index=False, escapechar="\\", quoting=csv.QUOTE_NONE)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "en"
    for number, *_ in CLIPS:
        write_sound(folder / "clips" / clip(number), noise(1 + number / 40, number, RATE), RATE)
    write_table(folder / "validated.tsv", [[f"{number:0128x}", clip(number), text, 2, 0, "", "", "", "en", ""]
                                           for number, _, text, _ in CLIPS], COLUMNS)
    write_table(folder / "covost_v2.en_de.tsv", [[clip(number), german, split] for number, split, _, german
                                                 in reversed(CLIPS) if split], ["path", "translation", "split"])
    return folder


def split_by_covost(folder):
    """The tables that CoVoST's own script makes, by the same operations."""
    validated, covost = (pandas.read_csv(folder / name, sep="\t", escapechar="\\", quoting=csv.QUOTE_NONE,
                                         na_filter=False) for name in ("validated.tsv", "covost_v2.en_de.tsv"))
    joined = validated[["path", "sentence", "client_id"]].merge(covost, how="inner", on="path")
    for split in ("train", "dev", "test"):
        chosen = joined[joined["split"].isin([split] + ["train_covost"] * (split == "train"))]
        columns = ["path", "sentence", "translation", "client_id"]
        write_table(folder / f"covost_v2.en_de.{split}.tsv", chosen[columns], columns)


def prepare(root, *more):
    return main(["--corpus", "covost2", "--root", str(root), "--lang", "de", "--vocab-size", "70", "--processes", "1",
                 *more])


@pytest.mark.parametrize("split", [False, True])
def test_clips_have_their_sound_their_texts_and_their_speaker(root, split):
    if split:
        split_by_covost(root)
        (root / "covost_v2.en_de.tsv").unlink()
        (root / "validated.tsv").unlink()
    assert prepare(root) == 0
    for name in ("train", "dev", "test"):
        found = spoken(root / "en-de", name)
        expected = [row for row in CLIPS if row[1] and row[1].removesuffix("_covost") == name]
        assert list(found) == [f"common_voice_en_{number}" for number, *_ in expected]
        for number, _, english, german in expected:
            samples, *texts = found[f"common_voice_en_{number}"]
            assert texts == [english, german, f"{number:0128x}"]
            whole = at_16_khz(noise(1 + number / 40, number, RATE), RATE)
            assert len(samples) == len(whole)
            assert similarity(samples, whole) > 0.95
    assert [path.name for path in sorted((root / "en-de" / "audio" / "train").iterdir())] == [
        "pack_00000.json", "pack_00000.wav"]


def test_both_forms_of_the_tables_read_the_same(root, tmp_path):
    assert prepare(root, "--out", str(tmp_path / "joined")) == 0
    split_by_covost(root)
    assert prepare(root, "--out", str(tmp_path / "split")) == 0
    for name in ("train.tsv", "dev.tsv", "test.tsv", "audio/train/pack_00000.wav"):
        assert (tmp_path / "joined" / name).read_bytes() == (tmp_path / "split" / name).read_bytes()


def test_a_longer_train_is_cut_into_packs_with_every_clip_in_one(root, monkeypatch):
    monkeypatch.setattr("mgcm_fairseq.preparation.audio.LONGEST", 40_000)
    assert prepare(root) == 0
    rows = {row.id[len("common_voice_en_"):]: row.audio for row in read_manifest(root / "en-de" / "train.tsv")}
    assert [(audio.path.name, audio.offset) for audio in rows.values()] == [
        ("pack_00000.wav", 0), ("pack_00001.wav", 0), ("pack_00002.wav", 0)]
    monkeypatch.setattr("mgcm_fairseq.preparation.audio.LONGEST", 45_000)
    shutil.rmtree(root / "en-de")
    assert prepare(root) == 0
    rows = {row.id[len("common_voice_en_"):]: row.audio for row in read_manifest(root / "en-de" / "train.tsv")}
    assert [(audio.path.name, audio.offset) for audio in rows.values()] == [
        ("pack_00000.wav", 0), ("pack_00000.wav", rows["17"].length), ("pack_00001.wav", 0)]


def cut(path):
    """Half of the file: its header still promises the whole."""
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])


@pytest.mark.parametrize(("damage", "reason", "says"), [
    (lambda root: (root / "clips" / clip(4)).unlink(), "missing audio", "no such file"),
    (lambda root: (root / "clips" / clip(4)).write_bytes(b"no sound"), "unreadable audio", "nothing that libsndfile"),
    (lambda root: cut(root / "clips" / clip(4)), "unreadable audio", " s of the 1.10 s of its header"),
])
def test_damaged_clips_are_left_out_and_the_pack_goes_on(root, damage, reason, says, capsys):
    damage(root)
    assert prepare(root) == 2
    error = capsys.readouterr().err
    assert f"covost_v2.en_de.tsv:5: expected {root / 'clips' / clip(4)} as readable sound, found " in error
    assert says in error
    assert prepare(root, "--skip-bad") == 0
    found = spoken(root / "en-de", "train")
    assert list(found) == ["common_voice_en_17", "common_voice_en_40"]
    for number in (17, 40):
        whole = at_16_khz(noise(1 + number / 40, number, RATE), RATE)
        assert similarity(found[f"common_voice_en_{number}"][0], whole) > 0.95
    assert json.loads((root / "en-de" / "prep_report.json").read_text())["train"]["left_out"] == {reason: 1}


@pytest.mark.parametrize(("table", "change", "reason", "says"), [
    ("validated.tsv", lambda text: text.replace(clip(17), "other.mp3"), "no transcript",
     "covost_v2.en_de.tsv:6: expected common_voice_en_17.mp3 in "),
    ("covost_v2.en_de.tsv", lambda text: text + f"{clip(17)}\tNoch einmal.\ttrain\n", "duplicate utterance",
     "covost_v2.en_de.tsv:7: expected every clip once, found common_voice_en_17.mp3"),
    ("covost_v2.en_de.tsv", lambda text: text + "a\tb\n", "wrong number of fields",
     "covost_v2.en_de.tsv:7: expected 3 fields separated by tabs, found 2"),
    ("validated.tsv", lambda text: text.replace(clip(17), "a/b.mp3"), "no transcript", "covost_v2.en_de.tsv:6: "),
])
def test_faulty_rows_are_named_and_can_be_left_out(root, table, change, reason, says, capsys):
    path = root / table
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    assert prepare(root) == 2
    assert says in capsys.readouterr().err
    assert prepare(root, "--skip-bad") == 0
    assert json.loads((root / "en-de" / "prep_report.json").read_text())["train"]["left_out"] == {reason: 1}


@pytest.mark.parametrize(("change", "says"), [
    (lambda root: (root / "covost_v2.en_de.tsv").unlink(), "covost_v2.en_de.tsv: expected a text file"),
    (lambda root: (root / "validated.tsv").unlink(), "validated.tsv: expected a text file of the split, found no such"),
    (lambda root: (root / "validated.tsv").write_text("path\tsentence\n"),
     "validated.tsv:1: expected the columns client_id, path, sentence, found no client_id"),
    (lambda root: shutil.rmtree(root / "clips"), "clips: expected Common Voice's clips, found no such folder"),
])
def test_missing_files_and_columns_are_errors(root, change, says, capsys):
    change(root)
    assert prepare(root, "--skip-bad") == 2
    assert says in capsys.readouterr().err


def test_the_sound_of_a_pack_is_nothing_but_its_clips(root):
    assert prepare(root) == 0
    rows = read_manifest(root / "en-de" / "train.tsv")
    assert [row.audio.offset for row in rows] == list(np.cumsum([0, *(row.n_frames for row in rows[:-1])]))
    assert (root / "en-de" / "audio" / "train" / "pack_00000.wav").stat().st_size == 44 + 2 * sum(
        row.n_frames for row in rows)
