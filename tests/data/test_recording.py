"""Recordings and pipes: part by part the same samples as in one go, in little memory."""

import os
import signal
import threading
import tracemalloc

import numpy as np
import pytest
import soundfile
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.compat import repair_torchaudio
from mgcm_fairseq.data.pipe import Pipe
from mgcm_fairseq.data.recording import Recording, read_any
from tests.data.sounds import noise

repair_torchaudio()
from torchaudio.functional import resample  # noqa: E402 - behind the repair that its import needs


@pytest.fixture
def piped():
    """A pipe that gets these bytes, in portions, and its end."""
    opened = []

    def pipe(*portions, rate=16_000):
        reading, writing = os.pipe()
        opened.append(reading)
        made = Pipe(reading, rate)

        def write():
            for portion in portions:
                os.write(writing, portion)
            os.close(writing)

        threading.Thread(target=write).start()
        return made

    yield pipe
    for descriptor in opened:
        os.close(descriptor)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_a_file_is_resampled_as_in_one_go(tmp_path, rate):
    sound = noise(21.3, 1, rate)
    soundfile.write(tmp_path / "a.wav", sound, rate, subtype="FLOAT")
    recording = Recording(tmp_path / "a.wav")
    parts = list(recording.parts())
    assert len(parts) > 2
    found, expected = np.concatenate(parts), resample(torch.from_numpy(sound), rate, 16_000).numpy()
    np.testing.assert_array_equal(found[:320_000], expected[:320_000])
    np.testing.assert_allclose(found[320_000:], expected[320_000:], rtol=0, atol=1e-7)  # short convolutions round anew
    assert recording.length == sum(map(len, parts))
    np.testing.assert_array_equal(read_any(tmp_path / "a.wav"), found)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_a_pipe_gives_what_a_file_gives(piped, rate):
    sound = np.round(noise(2.3, 1, rate) * 32_767).astype("<i2")
    data, whole = sound.tobytes(), torch.from_numpy(sound / np.float32(32_768))
    pipe = piped(data[:1], data[1:4], data[4:5_001], data[5_001:], rate=rate)
    found = np.concatenate(list(pipe.parts()))
    np.testing.assert_allclose(found, resample(whole, rate, 16_000).numpy(), rtol=0, atol=0 if rate == 16_000 else 1e-7)
    pipe.check()


def test_a_pipe_at_another_rate_does_not_wait_for_more_than_a_tenth_of_a_second():
    reading, writing = os.pipe()
    parts = Pipe(reading, 48_000).parts()
    os.write(writing, bytes(2 * 48_000))  # the system holds it
    assert sum(len(next(parts)) for _ in range(9)) == 14_400
    os.close(writing)
    os.close(reading)


@pytest.mark.parametrize("written", [b"\0\0\1", b"\0"])
def test_half_a_sample_is_told_once_what_came_before_was_given(piped, written):
    pipe = piped(written)
    assert sum(map(len, pipe.parts())) == len(written) // 2
    with pytest.raises(InputError, match=f"-: expected samples of 2 bytes, found {len(written)} bytes"):
        pipe.check()


def test_what_is_no_pipe_of_samples_is_refused(piped):
    for head, found in ((b"RIFF....WAVE", "a wav file"), (b"fLaC", "a flac file"), (b"OggS", "an ogg file"),
                        (b"ID3", "an mp3 file"),
                        (b"\0\0\0\x20ftypM4A ", "an mp4 or m4a file"), (b"\x1aE\xdf\xa3", "a webm or mkv file")):
        for first in (1, 100):  # bytes that come by themselves
            with pytest.raises(InputError, match=f"-: expected raw samples, found {found}"):
                list(piped((head + bytes(100))[:first], (head + bytes(100))[first:]).parts())
    with pytest.raises(InputError, match="--sample-rate: expected the rate of a recording, found a rate of 10 Hz"):
        piped(rate=10)
    pipe = piped()
    assert list(pipe.parts()) == []
    with pytest.raises(InputError, match="expected samples, found an end without any"):
        pipe.check()
    with pytest.raises(InputError, match="expected a pipe, found a terminal"):
        Pipe(os.openpty()[1])


def test_what_is_no_file_is_told_from_what_is_not_there(tmp_path):
    with pytest.raises(InputError, match="found a folder, pipe or device"):
        Recording(tmp_path)
    with pytest.raises(InputError, match="found no such file"):
        Recording(tmp_path / "a.wav")


def test_ctrl_c_ends_a_file_that_always_has_more(tmp_path):
    (tmp_path / "hour.raw").write_bytes(bytes(4 << 20))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with (tmp_path / "hour.raw").open("rb") as file:
        pipe = Pipe(file.fileno())
        with pipe.ending_at_ctrl_c():
            parts = pipe.parts()
            next(parts)
            signal.raise_signal(signal.SIGINT)
            assert sum(map(len, parts)) == 1 << 19  # what a pipe may hold
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_the_sound_and_loses_nothing_of_it():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # started in the background it would be ignored
    reading, writing = os.pipe()
    pipe = Pipe(reading)
    with pipe.ending_at_ctrl_c():
        os.write(writing, bytes(4_000))
        parts = pipe.parts()
        count = len(next(parts))
        os.write(writing, bytes(3_001))
        signal.raise_signal(signal.SIGINT)
        assert count + sum(map(len, parts)) == 3_500
        pipe.check()  # half a sample may be on its way
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)
    os.close(writing)
    os.close(reading)


def test_ctrl_c_gives_samples_that_are_too_few_to_tell_a_file_by():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    reading, writing = os.pipe()
    pipe = Pipe(reading)
    with pipe.ending_at_ctrl_c():
        os.write(writing, bytes(6))
        signal.raise_signal(signal.SIGINT)
        assert sum(map(len, pipe.parts())) == 3
    signal.signal(signal.SIGINT, before)
    os.close(writing)
    os.close(reading)


def test_an_hour_takes_no_more_memory_than_a_minute(tmp_path):
    peaks = []
    for minutes in (2, 20):
        with soundfile.SoundFile(tmp_path / "a.wav", "w", 8_000, 1, "PCM_16") as file:
            for _ in range(minutes):
                file.write(np.zeros(60 * 8_000, np.int16))
        tracemalloc.start()
        assert sum(len(part) for part in Recording(tmp_path / "a.wav").parts()) == minutes * 60 * 16_000
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1_000_000


def test_a_recording_of_nothing_is_told(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(0, np.float32), 8_000)
    recording = Recording(tmp_path / "a.wav")
    assert list(recording.parts()) == []
    with pytest.raises(InputError, match=r"a\.wav: expected sound, found no sample"):
        recording.check()


def test_a_recording_is_heard_up_to_its_fault_and_then_the_fault_is_told(tmp_path):
    sound = noise(3.0, 1, 8_000).astype(np.float32)
    sound[12_345] = np.nan
    soundfile.write(tmp_path / "a.wav", sound, 8_000, subtype="FLOAT")
    recording = Recording(tmp_path / "a.wav")
    assert sum(map(len, recording.parts())) == 2 * 12_345
    for check in (recording.check, lambda: read_any(tmp_path / "a.wav")):
        with pytest.raises(InputError, match=r"a\.wav: expected samples that are numbers.* found nan at 1\.543 s"):
            check()


def half_a_file(path):
    soundfile.write(path, noise(9.0, 1, 16_000) / 2, 16_000)
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])
    return Recording(path)


def test_an_mp3_that_is_cut_off_is_told(tmp_path, capsys):
    recording = half_a_file(tmp_path / "a.mp3")
    heard = sum(map(len, recording.parts()))
    recording.check()
    assert f"but {heard / 16_000:.2f} s of sound. It may be cut off." in capsys.readouterr().err
    assert 0.3 < heard / 144_000 < 0.7


def test_a_flac_that_is_cut_off_is_heard_nearly_to_its_end(tmp_path):
    recording = half_a_file(tmp_path / "a.flac")
    heard = sum(map(len, recording.parts()))
    with pytest.raises(InputError, match=rf"a\.flac: expected audio .* after {heard / 16_000:.3f} s"):
        recording.check()
    assert 0.3 < heard / 144_000 < 0.7
