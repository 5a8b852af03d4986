"""Europarl-ST from a miniature in its layout: speeches in real m4a, cut where segments.lst says."""

import json

import pytest

from mgcm_fairseq.commands.prepare import main
from tests.data.sounds import at_16_khz, noise, similarity, spoken, write_sound

RATE = 44_100
SPEECHES = {"train": ("en.20080924.31.3-243", "en.20080924.4.3-018"), "dev": ("en.20090112.1-010",),
            "test": ("en.20100305.2-007",), "train-noisy": ("en.20110101.5-001",)}
UTTERANCES = ((1.5, 2.75, "The first one, Madam President.", "Die erste, Frau Präsidentin."),  # not in order of time
              (0.25, 1.5, "A second sentence stands before it.", "Ein zweiter Satz steht davor."))


def sound(speech):
    return noise(3.0, len(speech) + sum(map(ord, speech)), RATE)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "v1.1"
    for split, speeches in SPEECHES.items():
        texts = folder / "en" / "de" / split
        texts.mkdir(parents=True)
        lines = [(speech, *utterance) for speech in speeches for utterance in UTTERANCES]
        contents = {
            "segments.lst": [f"{speech} {start:.2f} {end:.2f}" for speech, start, end, _, _ in lines],
            "segments.en": [f"{source} {speech[-3:]}" for speech, _, _, source, _ in lines],
            "segments.de": [target for *_, target in lines],
            "speeches.lst": speeches, "speeches.en": ["All of it."] * len(speeches),
            "speeches.de": ["Alles."] * len(speeches), "speakers.lst": [f"{speech}_spk_7" for speech in speeches]}
        for name, rows in contents.items():
            (texts / name).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
        for number, speech in enumerate(speeches):
            write_sound(folder / "en" / "audios" / f"{speech}.m4a", sound(speech), RATE, 1 + number)
    return folder


def prepare(root, *more):
    return main(["--corpus", "europarl-st", "--root", str(root), "--lang", "de", "--vocab-size", "50",
                 "--processes", "1", *more])


def test_utterances_have_their_sound_their_texts_and_their_speaker(root):
    assert prepare(root, "--splits", *SPEECHES) == 0
    folder = root / "en-de"
    for split, speeches in SPEECHES.items():
        found = spoken(folder, split)
        assert list(found) == [f"{speech}_{rank}" for speech in speeches for rank in (0, 1)]
        for speech in speeches:
            whole = at_16_khz(sound(speech), RATE)
            for rank, (start, end, source, target) in enumerate(sorted(UTTERANCES)):
                samples, *texts = found[f"{speech}_{rank}"]
                assert texts == [f"{source} {speech[-3:]}", target, f"{speech}_spk_7"]
                assert len(samples) == round((end - start) * 16_000)
                assert similarity(samples, whole[round(start * 16_000):]) > 0.95  # one sample aside it is 0.6
    report = json.loads((folder / "prep_report.json").read_text())
    assert {split: report[split]["converted"] for split in SPEECHES} == {
        "train": 2, "dev": 1, "test": 1, "train-noisy": 1}
    assert (folder / "simuleval" / "test.source").exists()
    assert not (folder / "simuleval" / "train-noisy.source").exists()


def test_noisy_training_data_is_left_aside_unless_asked_for(root):
    assert prepare(root) == 0
    assert sorted(path.stem for path in (root / "en-de").glob("*.tsv")) == ["dev", "test", "train"]


@pytest.mark.parametrize(("name", "line", "says"), [
    ("segments.lst", "en.20080924.4.3-018 2.0", "bad utterance: 2: expected `SPEECH start end`"),
    ("segments.lst", "en.20080924.4.3-018 x 2.0", "bad start: 2: expected start as a number of seconds"),
    ("segments.lst", "en.20080924.4.3-018 2.0 1.0", "zero length: 2: expected an end after the start, found 2.0 to"),
    ("segments.lst", "en.20080924.4.3-018 2.0 9.0", "past the end of the audio: 2: expected an utterance within the 3"),
    ("segments.lst", "en.1 1.0 2.0", "unknown speech: 2: expected a speech of speeches.lst, found en.1"),
    ("segments.de", "Tab\tulator", "tab or line break in text: 2: "),
])
def test_a_faulty_utterance_is_named_and_can_be_left_out(root, name, line, says, capsys):
    path = root / "en" / "de" / "train" / name
    lines = path.read_text(encoding="utf-8").split("\n")
    path.write_text("\n".join([lines[0], line, *lines[2:]]), encoding="utf-8")
    reason, _, message = says.partition(": ")
    assert prepare(root) == 2
    assert f"error: {path}:{message}" in capsys.readouterr().err
    assert prepare(root, "--skip-bad") == 0
    report = json.loads((root / "en-de" / "prep_report.json").read_text())["train"]
    assert (report["left_out"], report["kept"], report["utterances"]) == ({reason: 1}, 3, 4)


@pytest.mark.parametrize(("damage", "reason", "says"), [
    (lambda path: path.unlink(), "missing audio", "no such file"),
    (lambda path: path.write_bytes(path.read_bytes()[:3000]), "unreadable audio", "Invalid data found"),
    (lambda path: path.write_bytes(b""), "unreadable audio", "Invalid data found"),
])
def test_damaged_audio_costs_its_utterances_alone(root, damage, reason, says, capsys):
    path = root / "en" / "audios" / "en.20080924.31.3-243.m4a"
    damage(path)
    assert prepare(root) == 2
    error = capsys.readouterr().err
    assert f"train/segments.lst:1: expected {path} as readable sound, found {says}" in error
    assert prepare(root, "--skip-bad") == 0
    assert list(spoken(root / "en-de", "train")) == ["en.20080924.4.3-018_0", "en.20080924.4.3-018_1"]
    assert json.loads((root / "en-de" / "prep_report.json").read_text())["train"]["left_out"] == {reason: 2}


@pytest.mark.parametrize("name", ["segments.lst", "segments.en", "segments.de", "speeches.lst", "speakers.lst"])
def test_a_missing_file_is_named(root, name, capsys):
    (root / "en" / "de" / "dev" / name).unlink()
    assert prepare(root, "--skip-bad") == 2
    assert f"dev/{name}: expected a file of the Europarl-ST layout, found no such file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["speeches.lst", "speakers.lst"])
def test_a_list_that_is_not_utf8_is_named_with_its_line(root, name, capsys):
    path = root / "en" / "de" / "train" / name
    first, *rest = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([first, b"M\xfcller", *rest[1:]]))
    assert prepare(root, "--skip-bad") == 2
    assert f"error: {path}:2: expected a name in utf-8, found byte 0xfc after 'M'" in capsys.readouterr().err


def test_files_of_other_lengths_are_errors(root, capsys):
    with (root / "en" / "de" / "dev" / "segments.de").open("a") as file:
        file.write("Zu viel.\n")
    assert prepare(root, "--skip-bad") == 2
    assert "segments.de:3: expected 2 lines, one an utterance of" in capsys.readouterr().err


def test_speeches_that_were_made_wav_in_place_are_read(root):
    for path in sorted((root / "en" / "audios").iterdir()):
        write_sound(path.with_suffix(".wav"), at_16_khz(sound(path.stem), RATE), 16_000)
        path.unlink()
    assert prepare(root) == 0
    assert not (root / "en-de" / "audio").exists()
    assert (root / "en-de" / "dev.tsv").read_text().split("\n")[1].split("\t")[1].endswith("010.wav:4000:20000")


def test_a_pair_that_is_not_there_is_an_error(root, capsys):
    assert main(["--corpus", "europarl-st", "--root", str(root), "--lang", "fr"]) == 2
    assert "en/fr: expected the folder of the language pair, found no such folder" in capsys.readouterr().err
