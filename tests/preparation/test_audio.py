"""Sound as the preparation decodes it: resampled in chunks as in one go, quiet where it was, whole or refused."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from mgcm_fairseq.compat import repair_torchaudio
from mgcm_fairseq.preparation.decode import decoded
from mgcm_fairseq.preparation.headers import Header, Unusable, read_header
from mgcm_fairseq.preparation.packs import Pack, WavSpan, remove_finished, write_pack
from mgcm_fairseq.preparation.resample import resampled
from tests.data.sounds import at_16_khz, noise, similarity, write_sound
from tests.fixtures import REPOSITORY

repair_torchaudio()
from torchaudio.functional import resample  # noqa: E402 - behind the repair that its import needs

PEAKS = """
import re, sys
from pathlib import Path
from mgcm_fairseq.preparation.decode import decoded
for name in sys.argv[1:]:
    for chunk in decoded(Path(name)):
        pass
    print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""  # memory of the process in KiB at its highest, after each file


def whole(path):
    return np.concatenate(list(decoded(path)))


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("seconds", [0.0005, 1.0, 23.7])
def test_chunks_resample_as_the_whole(rate, seconds):
    sound = noise(seconds, 1, rate)
    cuts = np.sort(np.random.default_rng(0).integers(0, len(sound), 9))
    found = np.concatenate(list(resampled(np.split(sound, cuts), rate)))
    expected = resample(torch.from_numpy(sound).double(), rate, 16_000, 64, 0.9475937167399596, "sinc_interp_kaiser",
                        14.769656459379492).numpy()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5)  # a third of a 16-bit step


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_tones_keep_their_level_below_the_new_limit_and_vanish_above(rate):
    time = np.arange(rate) / rate
    for hertz, lowest, highest in ((100, 0.999, 1.001), (6_800, 0.999, 1.001), (8_600, 0, 1e-4), (10_000, 0, 1e-4)):
        tone = np.sin(2 * np.pi * hertz * time).astype(np.float32)
        middle = np.concatenate(list(resampled([tone], rate)))[2_000:-2_000]
        assert lowest <= np.sqrt(2 * np.square(middle).mean()) <= highest


def test_nothing_becomes_nothing():
    assert list(resampled([], 44_100)) == []


def test_sixteen_bits_stay_as_they_are(tmp_path):
    samples = np.random.default_rng(0).integers(-32_768, 32_768, 50_000).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="PCM_16")
    np.testing.assert_array_equal(whole(tmp_path / "a.wav"), samples)


def test_what_is_too_loud_is_clipped_and_does_not_wrap(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.float32([1.5, -1.5, 0.25]), 16_000, subtype="FLOAT")
    np.testing.assert_array_equal(whole(tmp_path / "a.wav"), np.int16([32_767, -32_768, 8_192]))


def test_memory_does_not_grow_with_the_file(tmp_path):
    """The whole of the second, 15 min of float32, would be 151 MiB; as they come out, 27 MiB."""
    for name, seconds in (("short", 30), ("long", 900)):
        soundfile.write(tmp_path / f"{name}.flac", np.zeros(44_100 * seconds, np.int16), 44_100)
    command = [sys.executable, "-c", PEAKS, tmp_path / "short.flac", tmp_path / "long.flac"]
    result = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    short, long = map(int, result.stdout.split())
    assert long - short < 15_000


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_16_khz_mono_stays_where_it_is_and_other_sound_is_to_be_converted(tmp_path, ending):
    for name, rate, channels in (("ready", 16_000, 1), ("fast", 44_100, 1), ("wide", 16_000, 2)):
        write_sound(tmp_path / f"{name}.{ending}", noise(0.5, 1, rate), rate, channels)
    assert read_header(tmp_path / f"ready.{ending}") == Header(8_000, True)
    assert read_header(tmp_path / f"fast.{ending}") == Header(8_000, False)
    assert read_header(tmp_path / f"wide.{ending}") == Header(8_000, False)


@pytest.mark.parametrize(("ending", "rate", "channels"), [("wav", 16_000, 1), ("wav", 44_100, 2), ("flac", 16_000, 1)])
def test_a_torn_file_is_noticed_though_its_header_is_whole(tmp_path, ending, rate, channels):
    path = tmp_path / f"a.{ending}"
    write_sound(path, noise(2, 1, rate), rate, channels)
    assert isinstance(read_header(path), Header)
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])
    header = read_header(path)
    assert isinstance(header, Unusable)
    if ending == "wav":
        missing = 44 + rate * 2 * channels * 2 - path.stat().st_size
        assert header == Unusable("truncated audio", f"{missing} bytes less than its header promises")


def test_a_wav_that_was_streamed_has_the_length_that_it_has(tmp_path):
    path = tmp_path / "a.wav"
    write_sound(path, noise(1, 1, 16_000), 16_000)
    data = bytearray(path.read_bytes())
    data[40:44] = b"\xff" * 4
    path.write_bytes(data)
    assert read_header(path) == Header(16_000, True)


def test_a_pack_leaves_out_what_it_cannot_decode_and_is_not_written_twice(tmp_path):
    for name, seed in (("a", 1), ("b", 2), ("c", 3)):
        write_sound(tmp_path / f"{name}.mp3", noise(1.0, seed, 48_000), 48_000)
    torn = (tmp_path / "b.mp3").read_bytes()
    (tmp_path / "b.mp3").write_bytes(torn[:len(torn) // 2])
    pack = Pack(tmp_path / "pack.wav", [str(tmp_path / f"{name}.mp3") for name in "abc"])
    first, second, third = spans = write_pack(pack)
    assert (first, third) == (WavSpan(str(pack.wav), 0, 16_000), WavSpan(str(pack.wav), 16_000, 16_000))
    assert second == Unusable("unreadable audio", second.found)
    assert "of the 1.00 s of its header" in second.found
    samples, rate = soundfile.read(pack.wav, dtype="float32")
    assert (len(samples), rate, soundfile.info(pack.wav).subtype) == (32_000, 16_000, "PCM_16")
    for span, seed in ((first, 1), (third, 3)):
        assert similarity(samples[span.offset:][:span.length], at_16_khz(noise(1.0, seed, 48_000), 48_000)) > 0.95
    before = pack.wav.stat()
    assert write_pack(pack) == spans
    assert pack.wav.stat() == before
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", *[".mp3"] * 3, ".wav"]


FOREIGN = ["{}", "[]", "7", '"text"', '{"speaker": "me"}', '{"key": "x", "bytes": 3}', "no JSON", "\xfc",
           '{"key": "x", "bytes": 3, "parts": [], "more": 1}', '{"key": "x", "bytes": 4, "parts": []}']


@pytest.mark.parametrize("text", FOREIGN)
def test_files_that_only_have_the_names_of_a_pack_and_its_record_are_left_alone(tmp_path, text):
    write_sound(tmp_path / "a.flac", noise(0.5, 1, 48_000), 48_000)
    for name in ("old", "new"):
        write_pack(Pack(tmp_path / f"{name}.wav", [str(tmp_path / "a.flac")]))
    (tmp_path / "mine.wav").write_bytes(b"abc")
    (tmp_path / "mine.json").write_bytes(text.encode("latin-1"))
    remove_finished(tmp_path, [tmp_path / "new.wav"])
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["a.flac", "mine.json", "mine.wav", "new.json", "new.wav"]
    assert (tmp_path / "mine.json").read_bytes() == text.encode("latin-1")


@pytest.mark.parametrize("text", FOREIGN)
def test_a_record_that_is_none_is_replaced(tmp_path, text):
    write_sound(tmp_path / "a.flac", noise(0.5, 1, 48_000), 48_000)
    (tmp_path / "pack.json").write_bytes(text.encode("latin-1"))
    pack = Pack(tmp_path / "pack.wav", [str(tmp_path / "a.flac")])
    assert write_pack(pack) == write_pack(pack) == [WavSpan(str(pack.wav), 0, 8_000)]


@pytest.mark.parametrize("change", [
    lambda pack: pack.wav.unlink(),
    lambda pack: pack.wav.write_bytes(pack.wav.read_bytes()[:-2]),
    lambda pack: pack.wav.with_suffix(".json").unlink(),
    lambda pack: pack.wav.with_suffix(".json").write_text('{"key": "x'),
    lambda pack: write_sound(pack.wav.with_name("a.flac"), noise(0.7, 5, 48_000), 48_000),
])
def test_a_pack_whose_files_changed_is_written_again(tmp_path, change):
    write_sound(tmp_path / "a.flac", noise(0.5, 1, 48_000), 48_000)
    pack = Pack(tmp_path / "pack.wav", [str(tmp_path / "a.flac")])
    write_pack(pack)
    change(pack)
    span, = write_pack(pack)
    assert span.length == soundfile.info(tmp_path / "a.flac").frames // 3 == soundfile.info(pack.wav).frames
