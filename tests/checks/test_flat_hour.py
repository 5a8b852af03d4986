"""What agents hold of a talk does not grow, and the check of an hour measures it."""

import itertools
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mgcm_fairseq.benchmarks.agents.pacing import Pacing
from mgcm_fairseq.benchmarks.agents.systems import random_system
from mgcm_fairseq.checks import flat_hour
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.decoding.bounds import Bounds
from mgcm_fairseq.decoding.rollover import Rollover
from mgcm_fairseq.evaluation.listening import listen_on
from mgcm_fairseq.evaluation.runs import parse_runs

BOUNDS = {"front_end_history": 640, "encoder_history": 1_600, "longest_segment": 1_600, "rotary": True}


@pytest.fixture(scope="module")
def agent():
    """Of a policy, over the demo's network at a speaker's pace, with small bounds."""
    system = random_system("demo", 640, BOUNDS)
    Pacing(system)

    def made(policy):
        [run] = parse_runs([f"{policy} --long-form --sentences model"])
        built = run.agent(Path("random weights"), system)
        built.rollover = Rollover(system, Bounds(memory_ms=2_000))
        return built

    return made


@pytest.fixture(scope="module")
def noise():
    return 0.1 * np.random.default_rng(0).standard_normal(16_000 * 15).astype(np.float32)


@pytest.mark.parametrize("policy", ["wait-segment:2", "wait-k:2", "alignatt:2", "edatt:0.2", "local-agreement:640"])
def test_what_is_held_stops_growing(agent, noise, policy):
    one = agent(policy)
    held = [one.state_bytes() for _ in listen_on(one, [noise], 640)][:-1]
    half = len(held) // 2
    assert min(held) > 100_000, "it counts what streams hold"
    assert max(held[half:]) <= 1.01 * max(held[:half])


@pytest.mark.parametrize("read_ms", [320, 640])
def test_the_check_compares_the_last_minutes_with_early_ones(agent, noise, tmp_path, monkeypatch, read_ms):
    """In minutes of 1.92 s, by a clock that every look at it puts forward by a second."""
    soundfile.write(tmp_path / "a.wav", noise[:30_000], 16_000)
    monkeypatch.setattr(flat_hour, "EARLY", 1)
    monkeypatch.setattr(flat_hour, "PAIRED", 1)
    monkeypatch.setattr(flat_hour, "SECONDS", 1.92)
    one, other = (agent("wait-segment:2") for _ in range(2))
    sound = partial(flat_hour.talks, [tmp_path / "a.wav"])
    row = flat_hour.measure(one, other, sound, 4, read_ms, itertools.count().__next__)
    assert (row["read_early_ms"], row["read_late_ms"], row["ratio"]) == (1_000, 1_000, 1)
    assert row["rtf"] == pytest.approx(1000 / read_ms, abs=1e-4)
    assert row["held_2"] <= row["held_most"] >= row["held_last"] > 100_000
    assert min(row["resident_2"], row["resident_late"]) > 1e8
    assert row["words"] > 5
    assert flat_hour.table([{"run": "wait-segment-2", **row}]).count("\n") == 2


def test_minutes_that_begin_at_another_point_of_a_block_are_refused():
    flat_hour._check_alike(60, 320, 320)
    flat_hour._check_alike(62, 320, 640)
    with pytest.raises(InputError, match=r"a block \(640 ms\) as minute 2, found 60\. Take 62\."):
        flat_hour._check_alike(60, 320, 640)
    with pytest.raises(InputError, match=r"found 61\. Take 62\."):
        flat_hour._check_alike(61, 320, 320)


def test_the_program_ends_with_1_where_something_grows(noise, tiny_segmenting_checkpoint, tmp_path, monkeypatch,
                                                       capsys):
    soundfile.write(tmp_path / "a.wav", noise[:64_000], 16_000)
    for name, value in (("SECONDS", 3.2), ("EARLY", 1), ("PAIRED", 1), ("GROWN", 1e12)):
        monkeypatch.setattr(flat_hour, name, value)
    options = ["--checkpoint", str(tiny_segmenting_checkpoint), "--run", "wait-k:1 --long-form", "--minutes", "4"]
    monkeypatch.setattr("sys.argv", ["flat_hour.py", str(tmp_path / "a.wav"), *options])
    for slower, status, told in ((1e9, 0, False), (0, 1, True)):
        monkeypatch.setattr(flat_hour, "SLOWER", slower)
        assert flat_hour.main() == status
        assert ("times as long in the last minutes, expected 0 at most" in capsys.readouterr().out) == told


def test_what_grows_is_a_fault():
    row = {"run": "wait-k-1", "held_2": 1_000, "held_last": 1_000, "ratio": 1.1, "resident_2": 1e8,
           "resident_late": 1.2e8}
    assert flat_hour.faults(row, True) == flat_hour.faults({**row, "held_last": 1_001}, False) == []
    assert flat_hour.faults({**row, "held_last": 1_001}, True) == [
        "wait-k-1: holds 1,000 bytes in minute 2 and 1,001 in the last."]
    assert flat_hour.faults({**row, "ratio": 1.101, "resident_late": 1.21e8}, True) == [
        "wait-k-1: a read took 1.101 times as long in the last minutes, expected 1.1 at most.",
        "wait-k-1: the process grew by 21 MB, expected 20 at most."]


def test_recordings_without_a_sample_are_refused(tmp_path):
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, np.float32), 16_000)
    with pytest.raises(InputError, match=r"empty\.wav: expected sound, found no sample"):
        list(flat_hour.talks([tmp_path / "empty.wav"]))


def test_the_first_minute_may_be_of_several_recordings(noise, tmp_path, monkeypatch):
    monkeypatch.setattr(flat_hour, "SECONDS", 1.5)
    files = [tmp_path / f"{name}.wav" for name in "ab"]
    for file in files:
        soundfile.write(file, noise[:16_000], 16_000, "FLOAT")
    minute = flat_hour.first_minute(flat_hour.talks(files))
    assert np.array_equal(minute, [*noise[:16_000], *noise[:8_000]])
    with pytest.raises(InputError, match=r"expected 1\.5 s of sound or more with --same-minute, found 1 s\."):
        flat_hour.first_minute(flat_hour.talks(files[:1]))
