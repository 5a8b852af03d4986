"""MCIF from a miniature in its layout: references of whole talks, and the times of their sentences beside."""

import gzip

import pytest

from mgcm_fairseq.commands.prepare import main
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.preparation.corpora.mcif import Mcif
from tests.data.reading import read_corpus
from tests.data.sounds import noise, write_sound

XML = "MCIF1.0.long.de.ref.xml.gz"
SAMPLE = """<sample id="{number}" iid="TRANS_{number}"><audio_path>{wav}</audio_path><reference>{reference}</reference>
<metadata><transcript>{transcript}</transcript></metadata></sample>"""
TALKS = {"crgYiWKDfX.wav": (["Hello &amp; welcome.", "A long  one."], ["Hallo &amp; willkommen.", "Ein langer."]),
         "aBcDeFgHiJ.wav": (["Thank you."], ["Danke."])}
TIMES = [("crgYiWKDfX.wav", 0.25, 0.5), ("crgYiWKDfX.wav", 1.0, 0.5), ("aBcDeFgHiJ.wav", 0.0, 1.25)]


@pytest.fixture
def root(tmp_path):
    write(tmp_path, "\n\n")
    (tmp_path / "times.yaml").write_text("".join(
        f"- {{wav: {wav}, offset: {offset}, duration: {duration}}}\n" for wav, offset, duration in TIMES))
    for number, wav in enumerate(TALKS):
        write_sound(tmp_path / "LONG_AUDIOS" / wav, noise(1.5, number, 16_000), 16_000)
    return tmp_path


def write(root, divided):
    samples = [SAMPLE.format(number=number, wav=wav, transcript=divided.join(sources), reference=divided.join(targets))
               for number, (wav, (sources, targets)) in enumerate(TALKS.items())]
    samples.append('<sample id="9" iid="QA_1_1"><audio_path>x.wav</audio_path><reference>No.</reference></sample>')
    with gzip.open(root / XML, "wt", encoding="utf-8") as file:
        file.write(f'<testset name="MCIF"><task track="long" text_lang="de">{"".join(samples)}</task></testset>')


@pytest.mark.parametrize("divided", ["\n\n", "\n \n", "\n"])
def test_sentences_have_their_times_and_texts(root, divided):
    write(root, divided)
    found = {one.id: one for one in read_corpus(Mcif(root, "en", "de"), "test")}
    assert list(found) == ["crgYiWKDfX_0", "crgYiWKDfX_1", "aBcDeFgHiJ_0"]
    one = found["crgYiWKDfX_1"]
    assert (one.audio.offset, one.audio.length) == (16_000, 8_000)
    assert (one.src_text, one.tgt_text) == ("A long one.", "Ein langer.")
    assert found["crgYiWKDfX_0"].tgt_text == "Hallo & willkommen."


def test_it_is_prepared_twice_without_a_vocabulary(root, capsys):
    for state in ("done", "up to date"):
        assert main(["--corpus", "mcif", "--root", str(root), "--lang", "de", "--processes", "1"]) == 0
        assert f"test: {state}" in capsys.readouterr().out
    assert not (root / "en-de" / "config.yaml").exists()


@pytest.mark.parametrize(("break_it", "says"), [
    (lambda root: (root / "times.yaml").write_text("- {wav: crgYiWKDfX.wav, offset: 1, duration: 1}\n"),
     f"times.yaml: expected the talks of {XML}: aBcDeFgHiJ.wav, crgYiWKDfX.wav, found crgYiWKDfX.wav"),
    (lambda root: (root / "times.yaml").write_text((root / "times.yaml").read_text().split("\n", 1)[1]),
     "times.yaml:1: expected 2 sentences of crgYiWKDfX.wav, as many as references, found 1, and 2 in the transcript"),
    (lambda root: (root / "LONG_AUDIOS" / "aBcDeFgHiJ.wav").unlink(), "expected the wav aBcDeFgHiJ.wav below"),
    (lambda root: (root / XML).write_bytes(b"<testset>"), "expected xml, packed by gzip if"),
    (lambda root: (root / "MCIF1.1.long.de.ref.xml").touch(), r"expected one file MCIF\*\.long\.de\.ref\.xml\* "),
    (lambda root: (root / "times.yaml").unlink(), r"expected one file \*\.y\*ml in it or below, found none"),
    (lambda root: (root / XML).write_bytes(gzip.compress(b"")), "expected xml, packed by gzip"),
    (lambda root: (root / XML).write_bytes(gzip.compress(b"<?xml version='1.0' encoding='utf-7'?><a/>")),
     "expected xml, packed by gzip"),
    (lambda root: (root / XML).write_bytes(gzip.compress(b"<a/>")), "expected samples with an iid such as TRANS_1"),
])
def test_what_does_not_agree_is_an_error(root, break_it, says):
    break_it(root)
    with pytest.raises(InputError, match=says):
        read_corpus(Mcif(root, "en", "de"), "test")


def test_a_wrong_time_is_named(root, capsys):
    (root / "times.yaml").write_text((root / "times.yaml").read_text().replace("1.25", "9.5"))
    assert main(["--corpus", "mcif", "--root", str(root), "--lang", "de", "--processes", "1"]) == 2
    assert "times.yaml:3: expected an utterance within the 1.5 s of" in capsys.readouterr().err
