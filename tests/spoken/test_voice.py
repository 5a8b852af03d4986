"""Spoken sentences: audible, trimmed, faster where asked."""

import numpy as np
import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.spoken.voice import HELD_OUT_VARIANTS, SILENCE, TRAIN_VARIANTS, Voice, say_all, trim

SENTENCES = ("The teacher turns the lamp off.", "Did the old man sleep in the garden?")


@pytest.mark.parametrize("variant", TRAIN_VARIANTS + HELD_OUT_VARIANTS)
def test_speech_is_audible_unclipped_and_trimmed(variant: str) -> None:
    for samples in say_all(Voice(variant, rate=200, pitch=50, volume=80), SENTENCES):
        assert 16_000 < len(samples) < 48_000  # 1 to 3 s at 16 kHz
        loudest = np.abs(samples).max()
        assert 0.05 < loudest < 1.2
        audible = np.flatnonzero(np.abs(samples) > 0.01 * loudest)
        assert audible[0] == SILENCE
        assert len(samples) - 1 - audible[-1] == SILENCE


def test_held_out_voices_are_not_trained_on() -> None:
    assert not set(TRAIN_VARIANTS) & set(HELD_OUT_VARIANTS)


def test_rate_and_volume_are_obeyed() -> None:
    slow, fast, soft = (next(say_all(Voice("m3", rate, 50, volume), SENTENCES))
                        for rate, volume in ((175, 100), (235, 100), (175, 60)))
    assert len(fast) < 0.9 * len(slow)
    assert np.abs(soft).max() < 0.8 * np.abs(slow).max()


def test_trim_keeps_or_adds_silence() -> None:
    tone = np.ones(10)
    assert len(trim(tone)) == 10 + 2 * SILENCE
    long = np.concatenate([np.zeros(5_000), tone, np.full(3_000, 0.001)])
    trimmed = trim(long)
    assert len(trimmed) == 10 + 2 * SILENCE
    assert trimmed[SILENCE:SILENCE + 10].tolist() == tone.tolist()
    assert trimmed[-1] == 0.001


def test_unknown_voice_and_silent_text_are_errors() -> None:
    with pytest.raises(RuntimeError, match="no voice en-us\\+m99"):
        next(say_all(Voice("m99", 200, 50, 80), SENTENCES))
    with pytest.raises(InputError, match="words that espeak-ng can say"):
        next(say_all(Voice("m1", 200, 50, 80), [""]))
