"""The talks of a manifest: by time, one a wav, and what cannot be one."""

import json

import pytest
import soundfile

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import AudioSpan
from mgcm_fairseq.data.manifest import Utterance, write_manifest
from mgcm_fairseq.evaluation.long_form.talks import read_talks, write_for_omnisteval


def prepared(folder, *rows):
    """A manifest of rows (wav below the folder, first sample, German text), and the wavs."""
    for wav in {wav for wav, _, _ in rows}:
        (folder / wav).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / wav, [0.0] * 64_000, 16_000)
    write_manifest(folder / "test.tsv", [
        Utterance(str(number), AudioSpan(folder / wav, start, 8_000), 8_000, "One.", text, "spk", "en", "de")
        for number, (wav, start, text) in enumerate(rows)])
    return folder


def test_sentences_lie_by_time_in_their_talk(tmp_path):
    prepared(tmp_path, ("wav/b.wav", 24_000, "Zwei."), ("wav/b.wav", 800, "Eins  a."), ("wav/a.wav", 0, "Drei."))
    talks = read_talks(tmp_path, "test")
    assert [(one.wav.name, one.text("word")) for one in talks] == [("b.wav", "Eins a. Zwei."), ("a.wav", "Drei.")]
    write_for_omnisteval(tmp_path, talks)
    assert json.loads((tmp_path / "talks.json").read_text())[1] == {"wav": "b.wav", "offset": 1.5, "duration": 0.5}
    assert (tmp_path / "references.txt").read_text() == "Eins  a.\nZwei.\nDrei.\n"


@pytest.mark.parametrize(("rows", "says"), [
    ([("audio/test/pack_00000.wav", 0, "Eins.")], "expected a wav for each talk, found the pack pack_00000.wav"),
    ([("x/a.wav", 0, "Eins."), ("y/a.flac", 0, "Zwei.")], "expected talks of different names"),
    ([("a.wav", 0, ""), ("a.wav", 9_000, "")], "expected a reference in each talk, found none in a.wav"),
])
def test_what_is_no_talk_is_refused(tmp_path, rows, says):
    with pytest.raises(InputError, match=says):
        read_talks(prepared(tmp_path, *rows), "test")


def test_a_talk_that_is_gone_is_named(tmp_path):
    prepared(tmp_path, ("a.wav", 0, "Eins."))
    (tmp_path / "a.wav").unlink()
    with pytest.raises(InputError, match=r"test\.tsv: expected wavs that are there, found none at .*a\.wav"):
        read_talks(tmp_path, "test")
