"""Headers that do not know, that lie and that no recording has: little memory and a clear word, here as in agents."""


import io
import struct
import subprocess
import sys

import av
import numpy as np
import pytest
import soundfile

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.mapped_wav import MappedWav
from mgcm_fairseq.data.recording import read_any
from mgcm_fairseq.data.sound_files import SoundError, check_header
from mgcm_fairseq.preparation.decode import decoded
from mgcm_fairseq.preparation.headers import Header, Unusable, read_header
from tests.fixtures import REPOSITORY

SAMPLES = np.random.default_rng(0).integers(-9_000, 9_000, 40_001).astype(np.int16)


def wav(path, length=None, rate=16_000, channels=1, tag=1, bits=16, align=None, body=None, more=b"",
        behind=b""):
    """A wav whose header says what it is told to say."""
    body = SAMPLES.tobytes() if body is None else body
    align = channels * bits // 8 if align is None else align
    header = struct.pack("<HHIIHH", tag, channels, rate, rate * align % 2 ** 32, align % 2 ** 16, bits) + more
    chunk = b"fmt " + struct.pack("<I", len(header)) + header
    data = b"data" + struct.pack("<I", len(body) if length is None else length) + body + behind
    path.write_bytes(b"RIFF" + struct.pack("<I", 36) + b"WAVE" + chunk + data)
    return path


def read(path):
    """Int16 samples, as preparation and as agents read them, which must agree; or what both refuse."""
    header = read_header(path)
    if isinstance(header, Unusable):
        with pytest.raises(InputError, match=r"^\S+: expected ") as raised:
            read_any(path)
        assert header.found in str(raised.value)
        return header
    samples = np.concatenate([np.zeros(0, np.int16), *decoded(path)])
    np.testing.assert_array_equal(np.rint(read_any(path) * 32_768), samples)
    return samples


@pytest.mark.parametrize("length", [0, 0x7FFFF000, 0x7FFFFFFF - 36, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF - 44,
                                    0xFFFFFFFF])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_length_that_says_nothing_means_all_that_is_there(tmp_path, length, channels):
    path = wav(tmp_path / "a.wav", length, channels=channels)
    header = read_header(path)
    assert header == Header(len(SAMPLES) // channels, channels == 1 and length > 0)
    expected = SAMPLES if channels == 1 else SAMPLES[:-1].reshape(-1, 2)
    assert len(read(path)) == len(expected)
    if channels == 1:
        np.testing.assert_array_equal(read(path), SAMPLES)


@pytest.mark.parametrize("behind", [b"", b"LIST\x04\0\0\0INFO", b"LIST\x03\0\0\0abc\0", b"bext\x05\0\0\0abcde"])
def test_no_samples_are_none(tmp_path, behind):
    path = wav(tmp_path / "a.wav", body=b"", behind=behind)
    assert read_header(path) == Header(0, True)
    assert len(read(path)) == 0


@pytest.mark.parametrize("body", [bytes(10_000), b"LIST" + struct.pack("<I", 90_000) + bytes(9_000)])
def test_silence_and_chance_are_sound_behind_a_length_of_0(tmp_path, body):
    assert len(read(wav(tmp_path / "a.wav", 0, body=body))) == len(body) // 2


@pytest.mark.parametrize("length", [100_000, 0x7FFFEFFE, 0x80000002, 0xFFFFFE00])
def test_a_length_that_was_meant_and_is_not_there_is_a_fault(tmp_path, length, capsys):
    path = wav(tmp_path / "a.wav", length)
    missing = f"{length - 2 * len(SAMPLES)} bytes less than its header promises"
    assert read_header(path) == Unusable("truncated audio", missing)
    assert len(read_any(path)) == len(SAMPLES)
    assert f"a.wav: {missing}. The recording is cut off." in capsys.readouterr().err


@pytest.mark.parametrize("subtype", ["GSM610", "G721_32", "NMS_ADPCM_32"])
def test_formats_in_which_nobody_can_seek_are_converted_from_their_start(tmp_path, subtype):
    path = tmp_path / "a.wav"
    tone = 0.3 * np.sin(np.arange(32_000) / 20)
    soundfile.write(path, tone, 16_000, subtype=subtype)
    header = read_header(path)
    assert not header.ready
    found = read(path)
    assert 32_000 <= len(found) == header.length < 32_400
    assert np.corrcoef(found[:32_000], tone)[0, 1] > 0.98


def flac(path, total):
    """A flac that promises `total` samples."""
    soundfile.write(path, SAMPLES, 16_000, format="FLAC")
    data = bytearray(path.read_bytes())
    data[21:26] = (data[21] >> 4 << 36 | total).to_bytes(5, "big")
    path.write_bytes(data)
    return path


def test_a_flac_that_does_not_know_its_length_is_converted_from_its_start(tmp_path):
    path = flac(tmp_path / "a.flac", 0)
    assert read_header(path) == Header(0, False)
    np.testing.assert_array_equal(read(path), SAMPLES)


@pytest.mark.parametrize(("header", "says"), [
    ({"rate": 1}, "a rate of 1 Hz; known are 1000 to 768000 Hz"), ({"rate": 999}, "a rate of 999 Hz"),
    ({"rate": 1_000_000}, "a rate of 1000000 Hz"), ({"rate": 2_000_000_003}, "a rate of 2000000003 Hz"),
    ({"rate": 16_001}, "a rate of 16001 Hz, which has too little in common with 16000 Hz"),
    ({"rate": 767_999}, "too little in common"), ({"rate": 0}, ""), ({"rate": 2 ** 32 - 1}, ""), ({"channels": 0}, ""),
    ({"channels": 257}, "257 channels; known are 1 to 256"), ({"channels": 65_535}, ""), ({"bits": 0}, ""),
    ({"tag": 17, "bits": 4, "align": 60_000, "more": struct.pack("<HH", 2, 65_535)}, ""),
    ({"tag": 2, "bits": 4, "align": 8, "more": struct.pack("<HHH14h", 32, 65_535, 7, *range(14))}, ""),
    ({"tag": 0x31, "bits": 0, "align": 65, "more": struct.pack("<HH", 2, 65_535)}, ""),
])
def test_what_no_recording_has_is_refused(tmp_path, header, says):
    found = read(wav(tmp_path / "a.wav", **header))
    assert found.reason == "unreadable audio"
    assert says in found.found


@pytest.mark.parametrize(("rate", "says"), [(16_001, "too little in common"), (999, "rate of 999 Hz"), (48_000, None)])
def test_containers_are_held_to_the_same(tmp_path, rate, says):
    with av.open(str(tmp_path / "a.mka"), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(SAMPLES[None], format="s16", layout="mono")
        frame.sample_rate = rate
        out.mux([*stream.encode(frame), *stream.encode(None)])
    header = read_header(tmp_path / "a.mka")
    assert isinstance(header, Header) if says is None else says in header.found


def test_a_flac_that_promises_more_than_any_of_its_size_can_hold_is_refused(tmp_path):
    assert "68719476735 samples promised by a file of" in read(flac(tmp_path / "a.flac", 2 ** 36 - 1)).found


@pytest.mark.parametrize("rate", [1_000, 5_512, 8_000, 11_025, 12_000, 22_050, 24_000, 32_000, 37_800, 44_056, 44_100,
                                  47_250, 48_000, 50_400, 64_000, 88_200, 96_000, 176_400, 192_000, 352_800, 384_000,
                                  768_000])
def test_rates_that_machines_have_are_taken(rate):
    check_header(1, rate, 256, 44)


@pytest.mark.parametrize("rate", [11_127, 22_254, 44_101, 191_999])
def test_rates_that_would_take_a_gigabyte_are_not(rate):
    with pytest.raises(SoundError, match="too little in common"):
        check_header(1, rate, 1, 44)


def test_a_header_full_of_chunks_and_one_of_4_gib_are_read_in_no_time(tmp_path, monkeypatch):
    """By what is read: each chunk, and each byte that a header claims, would be a call or a byte here."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF\0\0\0\0WAVE" + b"abcd\0\0\0\0" * 1_000_000)
    calls = count_reads(monkeypatch)
    assert MappedWav.open(str(path)) is None
    path.write_bytes(b"RIFF\0\0\0\0WAVEfmt \xff\xff\xff\xff" + bytes(10_000_000))
    assert MappedWav.open(str(path)) is None
    assert 10 < len(calls) < 3_000
    assert max(calls) <= 40


def count_reads(monkeypatch):
    """Bytes of each read of the files that are opened from now on in MappedWav."""
    calls = []

    class Counted:
        def __init__(self, path, mode):
            self.file = open(path, mode)  # noqa: SIM115 - closed with the test

        def read(self, count):
            data = self.file.read(count)
            calls.append(len(data))
            return data

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def __getattr__(self, name):
            return getattr(self.file, name)

    monkeypatch.setattr("mgcm_fairseq.data.mapped_wav.open", Counted, raising=False)
    return calls


READ_ALL = """
import resource, sys
from pathlib import Path
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.preparation.decode import decoded
from mgcm_fairseq.preparation.headers import Unusable, read_header
from mgcm_fairseq.data.recording import read_any
import torch
from mgcm_fairseq.compat import repair_torchaudio
repair_torchaudio()
import torchaudio
resource.setrlimit(resource.RLIMIT_AS, (ALLOWED + int(Path("/proc/self/statm").read_text().split()[0]) * 4096,) * 2)
for name in sys.argv[1:]:
    try:
        read_any(Path(name))
        assert not isinstance(read_header(Path(name)), Unusable)
        for chunk in decoded(Path(name)):
            pass
        print("read")
    except InputError:
        assert isinstance(read_header(Path(name)), Unusable)
        print("refused")
"""


def test_no_header_costs_much_memory(tmp_path):
    """In a process that may take 300 MiB more than torch has taken."""
    paths = [wav(tmp_path / "a.wav", rate=1_000_003), wav(tmp_path / "b.wav", rate=16_001),
             wav(tmp_path / "c.wav", channels=1024, body=bytes(4_000_000)), flac(tmp_path / "d.flac", 2 ** 36 - 1),
             wav(tmp_path / "e.wav", channels=256, body=bytes(64_000_000)), flac(tmp_path / "f.flac", 0),
             flac(tmp_path / "g.flac", 0), wav(tmp_path / "h.wav", rate=767_000), wav(tmp_path / "i.wav", rate=1)]
    code = READ_ALL.replace("ALLOWED", str(300 << 20))
    result = subprocess.run([sys.executable, "-c", code, *map(str, paths)], cwd=REPOSITORY, capture_output=True,
                            text=True, check=False)
    assert result.stdout.split() == ["refused"] * 4 + ["read"] * 4 + ["refused"], result.stderr[-2_000:]


def test_two_chunks_of_samples_are_refused(tmp_path):
    """libsndfile reads the last alone."""
    path = tmp_path / "a.wav"
    soundfile.write(path, np.ones(800, np.int16), 16_000)
    path.write_bytes(path.read_bytes() + struct.pack("<4sIhh", b"data", 4, 1, 1))
    assert read_header(path) == Unusable("unreadable audio", "more than one chunk of samples")
    with pytest.raises(InputError, match="more than one chunk of samples"):
        read_any(path)


@pytest.mark.parametrize("length", [None, 0])
def test_a_header_is_read_in_one_look_at_the_chunks(tmp_path, monkeypatch, length):
    path, opens, real = wav(tmp_path / "a.wav", length), [], io.open

    def counted(file, *arguments, **options):
        opens.append(file)
        return real(file, *arguments, **options)

    monkeypatch.setattr(io, "open", counted)
    assert isinstance(read_header(path), Header)
    assert opens == [path]  # libsndfile opens it by itself
