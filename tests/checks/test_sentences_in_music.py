"""scripts/checks/sentences_in_music.py on notes of every kind, and on speech."""

import numpy as np
import pytest
import soundfile

from mgcm_fairseq.checks.sentences_in_music import KINDS, main, minute, sentences
from mgcm_fairseq.decoding.voice_activity import CHUNK
from mgcm_fairseq.spoken.voice import Voice, say_all

SAID = ("The teacher turns the lamp off.", "Did the old man sleep in the garden?")


@pytest.fixture(scope="module")
def speech():
    pause = np.zeros(16_000, np.float32)
    return np.concatenate([part for one in say_all(Voice("m2", rate=200, pitch=50, volume=80), SAID)
                           for part in (pause, one)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_minute_is_the_same_each_time_and_another_for_another_seed(kind):
    first = minute(kind, 1)
    assert np.array_equal(first, minute(kind, 1))
    assert not np.array_equal(first, minute(kind, 2))
    assert np.sqrt(np.mean(first.astype(float)**2)) == pytest.approx(0.1)
    assert len(first) == 60 * 16_000
    assert np.allclose(minute(kind, 1, -26), first * 10 ** -0.3, rtol=1e-5)


def test_speech_is_counted_both_ways(speech):
    assert sentences([speech]) == (len(SAID), len(SAID))


@pytest.mark.parametrize("size", [100, CHUNK, 7_777])
def test_counts_do_not_depend_on_parts(speech, size):
    assert sentences(np.array_split(speech, len(speech) // size)) == (len(SAID), len(SAID))


@pytest.mark.parametrize("seed", [6, 53])  # a long note; two short ones, 0.2 s apart
def test_notes_that_silero_vad_takes_for_speech_are_left_out(seed):
    assert sentences([minute("melody of training", seed)]) == (1, 0)


def test_the_table_has_a_line_for_each_kind(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["sentences_in_music.py", "--minutes", "1"])
    main()
    assert capsys.readouterr().out.count("\n") == len(KINDS) + 2


def test_a_recording_has_a_line_of_its_own(capsys, monkeypatch, speech, tmp_path):
    soundfile.write(tmp_path / "talk.wav", speech, 16_000)
    monkeypatch.setattr("sys.argv", ["sentences_in_music.py", str(tmp_path / "talk.wav")])
    main()
    assert [cell.strip() for cell in capsys.readouterr().out.splitlines()[2].split("|")][1:-1] == ["talk.wav", "2", "2"]


def test_wrong_input_is_told(capsys, monkeypatch, tmp_path):
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16_000)
    for options, message in ((["a.wav", "--minutes", "3"], "minutes of random notes, found both"),
                             ([str(tmp_path / "empty.wav")], "expected sound, found no sample")):
        monkeypatch.setattr("sys.argv", ["sentences_in_music.py", *options])
        assert main() == 2
        assert message in capsys.readouterr().err
