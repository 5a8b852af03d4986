"""Float audio with NaN, infinity or values far beyond full scale is found wherever audio is read, with its time."""

import json

import numpy as np
import pytest
import soundfile

from mgcm_fairseq.commands.prepare import main
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import AudioSpan
from mgcm_fairseq.data.audio_files import AudioFiles
from mgcm_fairseq.data.manifest import read_manifest
from mgcm_fairseq.data.recording import read_any
from mgcm_fairseq.data.samples import LOUDEST, first_fault
from mgcm_fairseq.preparation.decode import decoded
from mgcm_fairseq.preparation.headers import Header, Unusable, read_header
from mgcm_fairseq.preparation.packs import Pack, write_pack
from tests.preparation.test_prepare import arguments

FAULTS = [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf"), (-20_000.0, "-20000 times full scale"),
          (33.0, "33 times full scale")]
every_fault = pytest.mark.parametrize(("value", "name"), FAULTS)
READERS = {"training": lambda path: AudioFiles().read(str(path), 8_000, 16_000),
           "a span": lambda path: AudioSpan(path, 8_000, 16_000).read(), "a whole file": read_any}


def write(path, value, rate=16_000, channels=1, subtype="FLOAT", **options):
    """Two seconds, in the last channel of which a second sample at 1.25 s is faulty, too."""
    sound = np.full((2 * rate, channels), 0.1)
    sound[[5 * rate // 4, 3 * rate // 2], -1] = value
    soundfile.write(path, sound, rate, subtype=subtype, **options)


@every_fault
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_names_file_and_second(tmp_path, value, name, reader):
    write(tmp_path / "a.wav", value)
    with pytest.raises(InputError, match=rf"a\.wav: expected samples that are numbers .* found {name} at 1\.250 s"):
        READERS[reader](tmp_path / "a.wav")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("value", [1.5, -LOUDEST])
def test_what_is_only_too_loud_is_legal(tmp_path, value, reader):
    write(tmp_path / "a.wav", value)
    assert np.abs(READERS[reader](tmp_path / "a.wav")).max() == abs(value)
    assert read_header(tmp_path / "a.wav") == Header(32_000, True)


def test_a_span_beside_the_fault_is_read(tmp_path):
    write(tmp_path / "a.wav", np.nan)
    assert len(AudioFiles().read(str(tmp_path / "a.wav"), 0, 16_000)) == 16_000


@every_fault
@pytest.mark.parametrize("options", [{"subtype": "DOUBLE"}, {"format": "WAVEX"}])
def test_a_file_that_stays_where_it_is_is_looked_through(tmp_path, value, name, options):
    write(tmp_path / "a.wav", value, **options)
    assert read_header(tmp_path / "a.wav") == Unusable("unreadable audio", f"{name} at 1.250 s")


@every_fault
@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (16_000, 2), (44_100, 2), (8_000, 1)])
def test_what_is_decoded_is_looked_through(tmp_path, value, name, rate, channels):
    write(tmp_path / "a.wav", value, rate, channels)
    with pytest.raises(ValueError, match=f"^{name} at 1.250 s$"):
        list(decoded(tmp_path / "a.wav"))


def test_a_file_that_will_be_packed_is_looked_through_then_alone(tmp_path):
    write(tmp_path / "a.wav", np.nan)
    assert read_header(tmp_path / "a.wav", pack=True) == Header(32_000, True)
    [part] = write_pack(Pack(tmp_path / "pack.wav", [str(tmp_path / "a.wav")]))
    assert part == Unusable("unreadable audio", "nan at 1.250 s")


def test_a_number_too_large_for_float32_is_infinite(tmp_path):
    write(tmp_path / "a.wav", 1e300, subtype="DOUBLE")
    assert read_header(tmp_path / "a.wav") == Unusable("unreadable audio", "inf at 1.250 s")


def test_the_second_counts_from_the_beginning_of_the_file():
    assert first_fault(np.float32([0, 0, np.nan]), 16_000, 16_000 * 3600) == "nan at 3600.000 s"
    assert first_fault(np.zeros(0, np.float32), 16_000) is None


@pytest.mark.parametrize("pack", [(), ("--pack",)])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_preparation_ends_with_the_line_or_leaves_the_talk_out(corpus, capsys, pack, rate):
    wav = corpus.wav("dev", "ted_2.wav")
    sound = np.full(4 * rate, 0.1)
    sound[rate // 2] = np.nan
    soundfile.write(wav, sound, rate, subtype="FLOAT")
    assert main(arguments(corpus, *pack)) == 2
    error = capsys.readouterr().err
    assert f"error: {corpus.txt('dev', 'yaml')}:4: expected {wav} as readable sound, found nan at 0.500 s" in error
    assert main(arguments(corpus, *pack, "--skip-bad")) == 0
    report = json.loads((corpus.pair / "prep_report.json").read_text())["dev"]
    assert report["left_out"] == {"unreadable audio": 2}
    assert all("nan at 0.500 s" in fault["message"] for fault in report["faults"])
    assert [row.id for row in read_manifest(corpus.pair / "dev.tsv")] == ["ted_1_0", "ted_1_1", "ted_1_2"]
