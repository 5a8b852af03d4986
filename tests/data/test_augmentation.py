"""Augmentation: lengths, levels, and draws that depend on seed, epoch and utterance alone."""

import numpy as np
import pytest
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.augmentation import STEPS, Augmentation, stretched
from mgcm_fairseq.tasks.config import SimulSTConfig
from mgcm_fairseq.tasks.simul_st import SimulSTTask

LONGEST = 480_000
OPTIONS = {"augment_speed": "0.9,1,1.1", "augment_gain": "-6,6", "augment_noise": "10,30"}


def tone(length, hertz=440):
    return (0.1 * np.sin(2 * np.pi * hertz * np.arange(length) / 16_000)).astype(np.float32)


def heard(samples, speed="", gain="", noise="", index=0, epoch=1, count=5):
    """Utterance `index` of `count` like ones."""
    augmentation = Augmentation.parse(speed, gain, noise, 1)
    return augmentation.apply(samples, index, augmentation.draw(np.full(count, len(samples)), epoch, LONGEST))


def pitch(samples):
    return np.abs(np.fft.rfft(samples * np.hanning(len(samples)))).argmax() * 16_000 / len(samples)


def rms(samples):
    return np.sqrt(np.mean(np.square(samples, dtype=np.float64)))


@pytest.mark.parametrize("step", range(STEPS // 2, 2 * STEPS + 1))
def test_lengths_are_known_before_the_audio_is_read(step):
    for length in (1, 19, 16_000, 123_457, 479_999):
        found = heard(tone(length), speed=str(step / STEPS))
        expected = stretched(np.array([length]), step)[0]
        assert len(found) == (expected if expected <= LONGEST else length)


def test_speed_moves_the_pitch():
    assert pitch(heard(tone(32_000), speed="0.9")) == pytest.approx(396, abs=2)
    assert pitch(heard(tone(32_000), speed="1.1")) == pytest.approx(484, abs=2)


def test_an_utterance_that_would_get_too_long_keeps_its_speed():
    augmentation, length = Augmentation.parse("0.5", "", "", 1), np.array([240_000, 240_001, 10])
    draws = augmentation.draw(length, 1, LONGEST)
    assert stretched(length, draws.speed).tolist() == [480_000, 240_001, 20]


def test_gain_and_noise_are_what_they_are_called():
    samples = tone(64_000)
    assert rms(heard(samples, gain="6,6")) == pytest.approx(rms(samples) * 10 ** 0.3, rel=1e-5)
    difference = heard(samples, noise="20,20") - samples
    assert rms(difference) == pytest.approx(rms(samples) / 10, rel=1e-5)
    spectrum = np.abs(np.fft.rfft(difference)).reshape(-1)[:32_000].reshape(8, -1).mean(axis=1)
    assert spectrum.max() < 1.1 * spectrum.min()  # white


def test_silence_stays_silent():
    assert not heard(np.zeros(100, np.float32), noise="10,30", gain="-6,6").any()


def test_draws_fill_their_ranges():
    draws = Augmentation.parse("0.9,1,1.1", "-6,6", "10,30", 1).draw(np.full(3_000, 100), 1, LONGEST)
    values, counts = np.unique(draws.speed, return_counts=True)
    assert values.tolist() == [18, 20, 22]
    assert counts.min() > 900
    for found, low, high in ((draws.gain, -6, 6), (draws.snr, 10, 30)):
        assert low <= found.min() < low + 0.1
        assert high - 0.1 < found.max() <= high
    assert abs(np.corrcoef(np.stack([draws.speed, draws.gain, draws.snr])) - np.eye(3)).max() < 0.1


def test_a_draw_depends_on_seed_epoch_and_utterance_alone():
    samples, all_of_it = tone(1_000), ("0.9,1.1", "-6,6", "10,30")
    first = heard(samples, *all_of_it, index=2)
    assert np.array_equal(heard(samples, *all_of_it, index=2, count=9), first)
    for other in (heard(samples, *all_of_it, index=3), heard(samples, *all_of_it, index=2, epoch=2)):
        assert not np.array_equal(other[:900], first[:900])


@pytest.mark.parametrize("length", [2_000, 16_000])
@pytest.mark.parametrize("options", [{"speed": "0.9"}, {"speed": "1.1"},
                                     {"speed": "0.9", "gain": "3,3", "noise": "20,20"}])
def test_more_threads_hear_the_same(options, length):
    samples = np.random.default_rng(1).standard_normal(length, dtype=np.float32) / 10
    found, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(heard(samples, **options))
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


@pytest.fixture(scope="module")
def task(tiny_corpus):
    task = SimulSTTask.setup_task(SimulSTConfig(data=str(tiny_corpus), seed=1, **OPTIONS))
    for split in ("train", "dev"):
        task.load_dataset(split)
    return task


def epoch_two(task, workers=1, processes=0, resumed_at=0, size=7):
    """Each utterance's waveform in the second epoch."""
    found = {}
    for shard in range(workers):
        one = task.get_batch_iterator(
            dataset=task.dataset("train"), max_tokens=100_000, max_sentences=size, max_positions=(80_000, 512), epoch=2,
            num_shards=workers, shard_id=shard, num_workers=processes)
        if resumed_at:
            one.load_state_dict({"version": 2, "epoch": 2, "iterations_in_epoch": 1, "batches_in_epoch": resumed_at})
        for batch in one.next_epoch_itr():
            waveforms, lengths = batch["net_input"]["src_tokens"], batch["net_input"]["src_lengths"]
            assert waveforms.numel() <= 100_000
            rows = zip(batch["id"].tolist(), waveforms, lengths, strict=True)
            found |= {index: waveform[:length] for index, waveform, length in rows if not batch["filler"]}
    return found


def test_an_utterance_sounds_the_same_for_any_workers_batches_and_interruption(task):
    expected = epoch_two(task)
    assert sorted(expected) == list(range(40))
    recorded = task.dataset("train").utterances.audio_lengths
    assert any(len(waveform) != recorded[index] for index, waveform in expected.items())
    for found in (epoch_two(task, workers=3), epoch_two(task, processes=2), epoch_two(task, size=3),
                  epoch_two(task, resumed_at=4)):
        assert len(found) > 10
        assert all(waveform.equal(expected[index]) for index, waveform in found.items())


def test_what_is_scored_is_heard_as_recorded(task, tiny_corpus):
    plain = SimulSTTask.setup_task(SimulSTConfig(data=str(tiny_corpus), seed=1))
    for split in ("train", "dev"):
        plain.load_dataset(split)
    for index in range(len(task.dataset("dev"))):
        assert task.dataset("dev")[index]["waveform"].equal(plain.dataset("dev")[index]["waveform"])
    assert plain.dataset("train").augmentation is None


@pytest.mark.parametrize(("option", "value"), [
    ("speed", "0.93"), ("speed", "0.4"), ("speed", "fast"), ("speed", "1,,1"), ("speed", "1e308"),
    ("gain", "3"), ("gain", "6,-6"),
    ("noise", "1,2,3"), ("noise", "10,inf"), ("gain", "0,1000"), ("noise", "-101,0")])
def test_other_options_are_refused(option, value):
    with pytest.raises(InputError, match=f"--augment-{option}"):
        Augmentation.parse(**{"speed": "", "gain": "", "noise": "", "seed": 1, option: value})
