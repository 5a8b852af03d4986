"""Reading spans: the values of soundfile, few files open, and files that changed named."""

import os
import pickle
import struct
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import AudioSpan
from mgcm_fairseq.data.audio_files import AudioFiles
from mgcm_fairseq.data.mapped_wav import MappedWav
from mgcm_fairseq.data.recording import read_any

SAMPLES = np.concatenate([[-32768, 32767, 0, -1, 1], np.random.default_rng(1).integers(-32768, 32768, 3_996)])
SPANS = ((0, 4_001), (0, 1), (17, 1_000), (4_000, 1))
FORMATS = (("a.wav", "PCM_16"), ("a.wav", "PCM_24"), ("a.wav", "FLOAT"), ("a.wav", "ULAW"), ("a.flac", "PCM_16"),
           ("a.wav", "EXTENSIBLE"), ("a.wav", "RF64"), ("a.wav", "RIFX"))


def write(path, kind="PCM_16", samples=SAMPLES, rate=16_000):
    container = {"EXTENSIBLE": "WAVEX", "RF64": "RF64"}.get(kind)
    subtype = kind if kind in soundfile.available_subtypes() else "PCM_16"
    samples = samples / 32_768 if kind == "FLOAT" else samples.astype(np.int16)  # whole numbers would stay as they are
    soundfile.write(path, samples, rate, subtype, "BIG" if kind == "RIFX" else None, container)
    return str(path)


def with_chunks(path):
    """The file with a chunk of odd length before its samples and one behind them."""
    data = Path(write(path)).read_bytes()
    start = data.index(b"data")
    before, behind = (b"LIST" + struct.pack("<I", len(text)) + text for text in (b"abc", b"zz"))
    data = data[:start] + before + b"\0" + data[start:] + behind
    path.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
    return str(path)


def streamed(path):
    """The file as a program writes it that cannot go back to the header: lengths that say nothing."""
    data = Path(write(path)).read_bytes()
    start = data.index(b"data") + 4
    path.write_bytes(data[:start] + b"\xff\xff\xff\xff" + data[start + 4:])
    return str(path)


def assert_soundfiles_values(path):
    files = AudioFiles()
    for offset, length in SPANS:
        expected = AudioSpan(Path(path), offset, length).read()
        found = files.read(path, offset, length)
        assert found.dtype == np.float32
        assert np.array_equal(found.view(np.int32), expected.view(np.int32))
    files.close()


@pytest.mark.parametrize(("name", "kind"), FORMATS)
def test_values_are_soundfiles_to_the_last_bit(tmp_path, name, kind):
    assert_soundfiles_values(write(tmp_path / name, kind))


@pytest.mark.parametrize("make", [with_chunks, streamed])
def test_headers_of_other_programs(tmp_path, make):
    assert_soundfiles_values(make(tmp_path / "a.wav"))


def test_16_bit_wavs_are_mapped_and_others_are_not(tmp_path):
    for make in (write, with_chunks, lambda path: write(path, "EXTENSIBLE")):
        wav = MappedWav.open(make(tmp_path / "a.wav"))
        assert wav.length == len(SAMPLES)
        wav.close()
    for name, kind in FORMATS:
        if (name, kind) not in (("a.wav", "PCM_16"), ("a.wav", "EXTENSIBLE")):
            assert MappedWav.open(write(tmp_path / name, kind)) is None


def open_now(folder):
    """Files of a folder that this process holds open, and those that it has mapped."""
    held = [link for fd in Path("/proc/self/fd").iterdir() if (link := readlink(fd)).startswith(str(folder))]
    mapped = [line for line in Path("/proc/self/maps").read_text().splitlines() if str(folder) in line]
    return len(held), len(mapped)


def readlink(path):
    try:
        return os.readlink(path)
    except FileNotFoundError:  # the descriptor of the listing itself
        return ""


@pytest.mark.parametrize("name", ["{}.wav", "{}.flac"])
def test_few_files_are_open_however_many_are_read(tmp_path, name):
    paths = [write(tmp_path / name.format(index), samples=SAMPLES[index:index + 50]) for index in range(40)]
    files, most = AudioFiles(bound=5), (0, 0)
    for index in np.random.default_rng(1).integers(0, len(paths), 200):
        assert np.array_equal(files.read(paths[index], 3, 40) * 32768, SAMPLES[index + 3:index + 43])
        most = max(most, open_now(tmp_path))
    assert most == (5, 5 if name == "{}.wav" else 0)
    files.close()
    assert open_now(tmp_path) == (0, 0)


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_forked_process_opens_files_of_its_own(tmp_path, name):
    """With a shared descriptor the child's reading would move the parent's position."""
    path, files = write(tmp_path / name), AudioFiles()
    files.read(path, 0, 10)
    child = get_context("fork").Process(target=child_reads, args=(files, path))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert np.array_equal(files.read(path, 2_000, 1_000) * 32768, SAMPLES[2_000:3_000])


def child_reads(files, path):
    assert np.array_equal(files.read(path, 100, 50) * 32768, SAMPLES[100:150])


def test_it_goes_to_a_spawned_process(tmp_path):
    path, files = write(tmp_path / "a.wav"), AudioFiles(bound=3)
    files.read(path, 0, 1)
    copy = pickle.loads(pickle.dumps(files))
    assert copy.bound == 3
    assert copy.read(path, 1, 1)[0] == 32767 / 32768


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_file_shorter_than_the_manifest_says_is_named(tmp_path, name):
    path = write(tmp_path / name, samples=SAMPLES[:100])
    for offset, length in ((50, 51), (100, 1), (101, 1), (5_000, 10)):
        with pytest.raises(InputError, match=f"{name}: expected {length} samples from {offset}"):
            AudioFiles().read(path, offset, length)


@pytest.mark.parametrize("samples", [SAMPLES[:40], SAMPLES[::-1]])
def test_a_file_that_changes_while_it_is_open_is_named(tmp_path, samples):
    path, files = write(tmp_path / "a.wav"), AudioFiles()
    files.read(path, 0, 1)
    write(tmp_path / "a.wav", samples=samples)
    os.utime(path, ns=(1, 1))
    with pytest.raises(InputError, match=r"a\.wav: .*another size or time.*changed after preparation"):
        files.read(path, 3_000, 10)


def test_a_truncated_wav_is_named(tmp_path):
    path = write(tmp_path / "a.wav")
    os.truncate(path, 1_000)
    with pytest.raises(InputError, match=r"a\.wav: expected 1000 samples"):
        AudioFiles().read(path, 0, 1_000)


def test_what_is_no_audio_is_named(tmp_path):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("RIFF....WAVE but no more")
    write(tmp_path / "fast.wav", rate=22_050)
    write(tmp_path / "two.wav", samples=np.stack([SAMPLES, SAMPLES], 1))
    for name, found in (("empty.wav", ""), ("text.wav", ""), ("none.wav", "No such file"), ("two.wav", "2 channels"),
                        ("fast.wav", "22050 Hz")):
        with pytest.raises(InputError, match=f"{name}: expected .*audio.*{found}"):
            AudioFiles().read(str(tmp_path / name), 0, 10)


def test_nothing_at_another_rate_is_nothing(tmp_path):
    assert len(read_any(Path(write(tmp_path / "a.wav", samples=SAMPLES[:0], rate=8_000)))) == 0
