"""Steady sound: a note is, speech, noise and silence are not, however loud and whatever hums beneath."""

import numpy as np
import pytest

from mgcm_fairseq.core.pauses import SHORTEST, STEADY
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.decoding.steady_sound import SteadySound
from mgcm_fairseq.decoding.voice_activity import CHUNK
from mgcm_fairseq.spoken.voice import Voice, say_all

TIME = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
SAID = "The teacher turns the lamp off while the old man sleeps in the garden."


def steady(samples):
    sound = SteadySound()
    return [sound.is_steady(samples[start:start + CHUNK].tolist()) for start in range(0, len(samples), CHUNK)]


def note(pitch):
    return sum(np.sin(2 * np.pi * pitch * harmonic * TIME) / harmonic for harmonic in range(1, 5))


@pytest.fixture(scope="module")
def speech():
    [said] = say_all(Voice("m2", rate=200, pitch=50, volume=80), [SAID])
    return said / np.sqrt(np.mean(said**2))


def most_in_a_stretch(samples):
    return max(np.convolve(steady(samples), np.ones(SHORTEST), "valid"))


@pytest.mark.parametrize("pitch", [81, 233.1, 640, 1500])
@pytest.mark.parametrize("loudness", [1e-4, 0.3])
def test_a_note_is_steady_from_its_third_chunk_on(pitch, loudness):
    assert all(steady(loudness * note(pitch))[2:-1])


def test_a_note_that_dies_away_is_steady():
    assert all(steady(note(300) * np.exp(-5 * TIME))[2:-1])


def test_another_note_is_another_sound():
    two = np.concatenate([note(300)[:10 * CHUNK], note(337)[:10 * CHUNK]])
    assert not any(steady(two)[10:12])
    assert all(steady(two)[12:])


def test_silence_and_hiss_are_not_steady():
    assert not any(steady(np.zeros(20 * CHUNK)))
    assert not any(steady(np.random.default_rng(0).standard_normal(60 * CHUNK)))


def test_speech_is_not_steady_for_long(speech):
    assert most_in_a_stretch(speech) < STEADY


@pytest.mark.parametrize("pitch", [50, 60])
def test_hum_under_speech_does_not_make_it_steady(speech, pitch):
    """As loud as the speech, with its overtones."""
    time = np.arange(len(speech)) / SAMPLE_RATE
    hum = sum(np.sin(2 * np.pi * pitch * overtone * time) / overtone for overtone in range(1, 7))
    assert most_in_a_stretch(speech + hum / np.sqrt(np.mean(hum**2))) < STEADY


def test_what_is_shorter_than_a_chunk_ends_with_silence():
    assert steady(note(300)[:10 * CHUNK + 100])[10] is False
