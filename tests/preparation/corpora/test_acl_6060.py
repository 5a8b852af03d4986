"""ACL 60/60 from a miniature in its layout: where the gold sentences lie is found by their samples."""

import json

import numpy as np
import pytest
import soundfile

from mgcm_fairseq.commands.prepare import main
from mgcm_fairseq.preparation.corpora.acl_6060 import Acl6060
from tests.data.reading import read_corpus
from tests.data.sounds import noise

TALKS = ("2022.acl-long.2", "2022.acl-long.10")  # FILE_ORDER's order is none of names
CUTS = ((0, 1_600, 9_600), (0, 9_600, 20_000), (1, 0, 8_000), (1, 7_000, 16_001))  # talk, first sample, end
ENGLISH = ["One.", "Two.", "Three.", "Four."]
GERMAN = ["Eins.", "Zwei.", "Drei.", "Vier."]


@pytest.fixture
def root(tmp_path):
    split = tmp_path / "2" / "acl_6060" / "dev"
    for folder in ("full_wavs", "segmented_wavs/gold", "text/txt"):
        (split / folder).mkdir(parents=True)
    (split / "FILE_ORDER").write_text("".join(f"{name}\n" for name in TALKS))
    talks = [(noise(1.5, seed, 16_000) * 32_767).astype(np.int16) for seed in range(len(TALKS))]
    for name, samples in zip(TALKS, talks, strict=True):
        soundfile.write(split / "full_wavs" / f"{name}.wav", samples, 16_000)
    for number, (talk, start, end) in enumerate(CUTS, start=8):  # sent_10 comes behind sent_9
        soundfile.write(gold(split.parent) / f"sent_{number}.wav", talks[talk][start:end], 16_000)
    for language, lines in (("en", ENGLISH), ("de", GERMAN)):
        text(split.parent, language).write_text("".join(f"{line}\n" for line in lines))
    return split.parent


def gold(root):
    return root / "dev" / "segmented_wavs" / "gold"


def text(root, language):
    return root / "dev" / "text" / "txt" / f"ACL.6060.dev.en-xx.{language}.txt"


def prepare(root, *more):
    return main(["--corpus", "acl-6060", "--root", str(root), "--lang", "de", "--splits", "dev", "--processes", "1",
                 *more])


def test_every_sentence_is_found_in_its_talk(root):
    found = {one.id: one for one in read_corpus(Acl6060(root, "en", "de"), "dev")}
    for (talk, start, end), rank, source, target in zip(CUTS, (0, 1, 0, 1), ENGLISH, GERMAN, strict=True):
        one = found[f"{TALKS[talk]}_{rank}"]
        assert (one.audio.offset, one.audio.length) == (start, end - start)
        assert (one.src_text, one.tgt_text) == (source, target)


def test_cuts_in_another_order_than_their_talk_are_found(root):
    talk = soundfile.read(root / "dev" / "full_wavs" / f"{TALKS[0]}.wav", dtype="int16")[0]
    order = ((9_600, 20_000), (1_600, 9_600), (0, 1_600), (400, 4_000))
    (root / "dev" / "FILE_ORDER").write_text(f"{TALKS[0]}\n")
    for number, (start, end) in enumerate(order, start=8):
        soundfile.write(gold(root) / f"sent_{number}.wav", talk[start:end], 16_000)
    found = {one.src_text: one.audio for one in read_corpus(Acl6060(root, "en", "de"), "dev")}
    assert [(found[text].offset, found[text].offset + found[text].length) for text in ENGLISH] == list(order)


def test_it_is_prepared_without_a_vocabulary(root):
    assert prepare(root) == 0
    folder = root / "en-de"
    assert len((folder / "dev.tsv").read_text().splitlines()) == 5
    assert (folder / "simuleval" / "dev.source").exists()
    assert not (folder / "config.yaml").exists()
    assert "vocabulary" not in json.loads((folder / "prep_report.json").read_text())


def test_a_cut_of_no_talk_is_named_and_can_be_left_out(root, capsys):
    samples, rate = soundfile.read(gold(root) / "sent_9.wav", dtype="int16")
    samples[5] ^= 1
    soundfile.write(gold(root) / "sent_9.wav", samples, rate)
    assert prepare(root) == 2
    assert ("en.txt:2: expected a talk of FILE_ORDER with exactly the samples of sent_9.wav, found none, so that its "
            "time is not known.") in capsys.readouterr().err
    assert prepare(root, "--skip-bad") == 0
    assert len((root / "en-de" / "dev.tsv").read_text().splitlines()) == 4


def test_bytes_between_two_samples_are_no_cut(root):
    talk = root / "dev" / "full_wavs" / f"{TALKS[0]}.wav"
    samples, rate = soundfile.read(talk, dtype="int16")
    shifted = np.frombuffer(b"\0" + samples.tobytes()[:-1], dtype=np.int16)
    soundfile.write(talk, np.concatenate([shifted[:12_000], samples]), rate)
    offsets = [one.audio.offset for one in read_corpus(Acl6060(root, "en", "de"), "dev") if one.id.startswith(TALKS[0])]
    assert offsets == [1_600 + 12_000, 9_600 + 12_000]


@pytest.mark.parametrize(("break_it", "says"), [
    (lambda root: (gold(root) / "sent_11.wav").unlink(), "en.txt: expected 3 lines, one for each wav in"),
    (lambda root: (root / "dev" / "full_wavs" / f"{TALKS[1]}.wav").unlink(), "FILE_ORDER:2: expected a talk of full_w"),
    (lambda root: text(root, "de").write_text("Eins.\n"), "de.txt:2: expected 4 lines, one an utterance of"),
    (lambda root: text(root, "de").unlink(), "de.txt: expected a text file of the split, found no such file"),
    (lambda root: (root / "dev" / "FILE_ORDER").unlink(), "FILE_ORDER: expected a text file of the split"),
    (lambda root: [path.unlink() for path in gold(root).iterdir()], "gold: expected sent_1.wav and so on, found none"),
])
def test_an_incomplete_corpus_is_an_error(root, capsys, break_it, says):
    break_it(root)
    assert prepare(root) == 2
    assert says in capsys.readouterr().err
