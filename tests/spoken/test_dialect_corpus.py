"""A spoken corpus of dialects: each language as a single one lies, the truth beside them, and English as it was."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from mgcm_fairseq.commands.spoken_corpus import main
from mgcm_fairseq.spoken.dialects import dialects
from mgcm_fairseq.spoken.talks import plan
from mgcm_fairseq.spoken.text import Sizes, grammar_splits
from mgcm_fairseq.spoken.voice import Voice, say_all
from tests.spoken.test_corpus import digests, run

SIZES = ("--train", "4", "--dev", "3", "--test", "3", "--seed", "3")
OF_TEXTS = "18ca1fa69b5d3f5d8516450e03a8cbbf4dc7966daca5ed792538c1ef6334db44"
OF_SOUND = {  # samples of a talk, and the root of their mean square
    "talk_1_m2": (80_000, 0.0621),
    "talk_2_f3": (61_375, 0.06487),
    "talk_3_m7": (82_750, 0.06114),
    "talk_7_m1": (214_125, 0.04642),
    "talk_8_m3": (236_375, 0.07683),
    "talk_9_m4": (182_750, 0.04265),
    "talk_4_m2": (39_500, 0.03389),
    "talk_5_f3": (75_750, 0.04348),
    "talk_6_m7": (49_250, 0.05849)}
OPTIONS = ("--dialects", "2x1", "--relatedness", "0.7", *SIZES)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dialects") / "corpus"
    status, output, errors = run(out, *OPTIONS, "--processes", "1")
    assert status == 0, errors
    assert "qab: 3 dev, 3 tst-COMMON, 4 train utterances" in output
    return out


def lines(corpus: Path, code: str, split: str, language: str) -> list[str]:
    return (corpus / f"{code}-de" / "data" / split / "txt" / f"{split}.{language}").read_text("utf-8").splitlines()


def test_every_language_lies_as_a_single_one_does(corpus: Path) -> None:
    assert sorted(path.name for path in corpus.iterdir()) == ["dialects.json", "qaa-de", "qab-de"]
    for one in dialects(2, 1, 0.7, 3):
        data = corpus / f"{one.code}-de" / "data"
        assert sorted(path.name for path in data.parent.iterdir()) == ["data", "spoken_corpus.json"]
        for split, size in (("train", 4), ("dev", 3), ("tst-COMMON", 3)):
            entries = yaml.safe_load((data / split / "txt" / f"{split}.yaml").read_text("utf-8"))
            assert len(entries) == len(lines(corpus, one.code, split, "de")) == size
            assert {entry["wav"] for entry in entries} == {path.name for path in (data / split / "wav").iterdir()}
            for entry in entries:
                samples, rate = soundfile.read(data / split / "wav" / entry["wav"])
                begin, length = (round(entry[key] * rate) for key in ("offset", "duration"))
                assert np.abs(samples[begin:begin + length]).max() > 0.03
        pairs = grammar_splits(Sizes(8, 3, 3), 3)["dev"]
        said = lines(corpus, one.code, "dev", one.code), lines(corpus, one.code, "dev", "de")
        assert list(zip(*said, strict=True)) == [one.pair(pair) for pair in pairs]


def test_dev_is_parallel_and_train_is_not(corpus: Path) -> None:
    assert lines(corpus, "qaa", "dev", "de") == lines(corpus, "qab", "dev", "de")
    assert not set(lines(corpus, "qaa", "train", "de")) & set(lines(corpus, "qab", "train", "de"))


def test_the_truth_lies_beside_it(corpus: Path) -> None:
    assert json.loads((corpus / "dialects.json").read_text("utf-8")) == {
        "relatedness": 0.7, "seed": 3, "target": "de", "groups": {"family1": ["qaa"], "family2": ["qab"]},
        "rewrites": {"qaa": "en", "qab": "de"}}


def test_a_complete_corpus_is_left_alone_and_others_are_refused(
        corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = digests(corpus)
    assert main(["--out", str(corpus), *OPTIONS]) == 0
    assert capsys.readouterr().out.count("is complete: nothing to do.") == 2
    for other, message in (
            (("--dialects", "2x1", "--relatedness", "0.8", *SIZES), "same --dialects, --relatedness and --seed"),
            (("--dialects", "1x2", "--relatedness", "0.7", *SIZES), "same --dialects, --relatedness and --seed"),
            ((*OPTIONS, "--train", "5"), "one of the same text, sizes, seed and version"),
            (("--train", "14", "--dev", "3", "--test", "3"), "a new or empty folder")):
        assert main(["--out", str(corpus), *other]) == 2
        assert message in capsys.readouterr().err
    assert digests(corpus) == before


def test_what_is_missing_is_made_and_nothing_else(corpus: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(corpus, again)
    shutil.rmtree(again / "qab-de")
    status, output, errors = run(again, *OPTIONS)
    assert status == 0, errors
    assert output.count("is complete: nothing to do.") == 1
    assert digests(again) == digests(corpus)


@pytest.mark.parametrize(("options", "message"), [
    (("--dialects", "four"), "--dialects: expected families x dialects of each, such as 2x2, found 'four'"),
    (("--dialects", "5x2"), "expected 1 to 4 families of 1 to 4 dialects"),
    (("--dialects", "2x2", "--relatedness", "2"), "--relatedness: expected a share of the words, 0 to 1, found 2"),
    (("--relatedness", "0.9"), "--relatedness: expected --dialects beside it"),
    (("--dialects", "2x2", "--target-lang", "fr"), "expected the text of the built-in grammar"),
    (("--dialects", "2x2", "--source", "a.en", "--target", "a.de"), "expected the text of the built-in grammar"),
    (("--dialects", "4x4", "--train", "7000"), "100000 in all, found train 7000, dev 200, test 200 of 16 languages"),
])
def test_bad_options_are_told(tmp_path: Path, options: tuple[str, ...], message: str,
                              capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path / "out"), *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").touch()
    assert main(["--out", str(tmp_path), *OPTIONS]) == 2
    assert "a new or empty folder, found files that are no corpus of dialects" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_all_languages_have_the_same_voices(corpus: Path) -> None:
    names = [sorted(path.name for path in (corpus / pair).rglob("*.wav")) for pair in ("qaa-de", "qab-de")]
    assert names[0] == names[1]
    english, other = (plan(grammar_splits(Sizes(4, 3, 3), 3), 3, *language) for language in ((), ("eo",)))
    assert {talk.voice.language for talk in english} == {"en-us"}
    assert [repr(talk) for talk in english] == [repr(talk) for talk in other]
    assert english != other


def test_a_voice_speaks_the_language_that_it_is_told() -> None:
    """Esperanto says every letter."""
    english, esperanto = (next(say_all(Voice("m3", 200, 50, 80, *language), ["Some of these are those."]))
                          for language in ((), ("eo",)))
    assert len(esperanto) > 1.2 * len(english)
    with pytest.raises(RuntimeError, match=r"no voice tlh-none\+m3"):
        next(say_all(Voice("m3", 200, 50, 80, "tlh-none"), ["A."]))


def test_an_english_corpus_is_what_it_was_before_there_were_dialects(tmp_path: Path) -> None:
    """Digests of texts, times and state; of the sound its length and, within the rounding of SciPy, its loudness."""
    status, _, errors = run(tmp_path / "out", "--train", "14", "--dev", "3", "--test", "3", "--seed", "3")
    assert status == 0, errors
    found = digests(tmp_path / "out")
    texts = "".join(f"{name} {digest}\n" for name, digest in found.items() if not name.endswith(".wav"))
    assert hashlib.sha256(texts.encode()).hexdigest() == OF_TEXTS
    wavs = sorted((tmp_path / "out").rglob("*.wav"))
    assert [path.stem for path in wavs] == list(OF_SOUND)
    for path in wavs:
        samples, _ = soundfile.read(path)
        length, loudness = OF_SOUND[path.stem]
        assert len(samples) == length
        assert float(np.sqrt(np.mean(samples**2))) == pytest.approx(loudness, rel=1e-3)
