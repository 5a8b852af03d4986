"""Speaking sentences with espeak-ng: 16 kHz samples, trimmed to 50 ms of silence at both ends."""

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import espeakng_loader
import numpy as np
from scipy.signal import resample_poly

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import SAMPLE_RATE

AMERICAN = "en-us"
TRAIN_VARIANTS = ("m1", "m3", "m4", "m5", "m6", "m8", "f1", "f2", "f4", "f5")
HELD_OUT_VARIANTS = ("m2", "f3", "m7")  # of dev and test, never of train
SILENCE = SAMPLE_RATE // 20  # samples kept at each end: 50 ms
_ESPEAK_RATE = 22_050  # Hz
_UP, _DOWN = 320, 441  # 16,000 / 22,050
_AUDIBLE = 0.01  # of the loudest sample of the sentence
_SYNCHRONOUS, _UTF8 = 2, 1  # AUDIO_OUTPUT_SYNCHRONOUS, espeakCHARS_UTF8
_PARAMETERS = {"rate": 1, "volume": 2, "pitch": 3}  # espeak_PARAMETER
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True)
class Voice:
    """A speaker: espeak-ng's variant, words per minute, pitch (0 to 99), volume (100: full), espeak-ng's language."""

    variant: str
    rate: int
    pitch: int
    volume: int
    language: str = field(default=AMERICAN, repr=False)  # a corpus is known by a digest that is older than this field


def say_all(voice: Voice, sentences: Sequence[str]) -> Iterator[np.ndarray]:
    """Each sentence as float32 samples (N,) at 16 kHz in about [-1, 1].

    espeak-ng keeps state between sentences and never resets it, not even on a new start: the samples repeat bit for
    bit only if a fresh process says the same sentences in the same order. Raises RuntimeError if it stays silent.
    """
    espeak = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = espeak.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
    if rate != _ESPEAK_RATE:
        raise RuntimeError(f"espeak-ng answered {rate} to its start, expected {_ESPEAK_RATE} Hz")
    espeak.espeak_ng_SetRandSeed(ctypes.c_long(1))  # of the breath noise of f2, f3 and f5; else the time of day
    chunks: list[np.ndarray] = []

    def collect(samples: Any, count: int, _events: int | None) -> int:
        if samples and count > 0:
            chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    callback = _Callback(collect)  # espeak-ng holds only a pointer: the name keeps it alive
    espeak.espeak_SetSynthCallback(callback)
    known = (Path(espeakng_loader.get_data_path()) / "voices" / "!v" / voice.variant).is_file()
    name = f"{voice.language}+{voice.variant}"
    if espeak.espeak_SetVoiceByName(name.encode()) != 0 or not known:  # alone, unknown variants pass
        raise RuntimeError(f"espeak-ng has no voice {name}")
    for parameter, number in _PARAMETERS.items():
        espeak.espeak_SetParameter(number, getattr(voice, parameter), 0)
    for sentence in sentences:
        chunks.clear()
        text = sentence.encode()
        espeak.espeak_Synth(text, len(text) + 1, 0, 1, 0, _UTF8, None, None)
        espeak.espeak_Synchronize()
        spoken = np.concatenate(chunks) if chunks else np.zeros(1, np.int16)
        if not spoken.any():
            raise InputError("text to speak", "words that espeak-ng can say", repr(sentence), "Leave the line out.")
        yield trim(resample_poly(spoken.astype(np.float32) / 32_768, _UP, _DOWN))


def trim(samples: np.ndarray) -> np.ndarray:
    """The samples (N,) from SILENCE before the first to SILENCE after the last audible one, padded with zeros."""
    level = np.abs(samples)
    audible = np.flatnonzero(level > _AUDIBLE * level.max())
    return np.pad(samples, SILENCE)[audible[0]:audible[-1] + 1 + 2 * SILENCE]
