"""Other speed, loudness and noise for training audio, drawn from (seed, epoch, utterance) alone."""

from dataclasses import dataclass

import numpy as np
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.plain_numbers import plain_number
from mgcm_fairseq.common.threads import one_thread
from mgcm_fairseq.compat import repair_torchaudio

STEPS = 20  # speeds are multiples of 1/20: the resampling filter grows with the denominator
SLOWEST, FASTEST = 0.5, 2.0
MOST = 100.0  # dB; louder or quieter by more, 16-bit audio is clipped or gone, and floats end at some 700
Range = tuple[float, float]


@dataclass(frozen=True)
class Draws:
    """What an epoch does to each utterance; (utterances,) each."""

    epoch: int
    speed: np.ndarray  # int, in 1/STEPS
    gain: np.ndarray  # dB
    snr: np.ndarray  # dB


@dataclass(frozen=True)
class Augmentation:
    """Speeds to choose from, in 1/STEPS (empty: as it is), and ranges in dB (None: as it is)."""

    speeds: tuple[int, ...]
    gain: Range | None
    noise: Range | None
    seed: int

    @classmethod
    def parse(cls, speed: str, gain: str, noise: str, seed: int) -> "Augmentation | None":
        """From the task's options; None where all are empty. Raises InputError."""
        if not (speed or gain or noise):
            return None
        return cls(_speeds(speed), _range("--augment-gain", gain), _range("--augment-noise", noise), seed)

    def draw(self, lengths: np.ndarray, epoch: int, longest: int) -> Draws:
        """Row i of the random numbers is utterance i's; one that would get longer than `longest` keeps its speed."""
        uniform = np.random.default_rng((self.seed, epoch)).random((len(lengths), 3), dtype=np.float32)
        speed = np.full(len(lengths), STEPS)
        if self.speeds:
            drawn = np.array(self.speeds)[(uniform[:, 0] * len(self.speeds)).astype(int)]
            speed = np.where(stretched(lengths, drawn) <= longest, drawn, speed)
        gain, snr = (low + (high - low) * uniform[:, column]
                     for column, (low, high) in ((1, self.gain or (0, 0)), (2, self.noise or (0, 0))))
        return Draws(epoch, speed, gain, snr)

    def lengths(self, lengths: np.ndarray, longest: int) -> np.ndarray:
        """(speeds, utterances): the samples that each utterance may have in some epoch, as `draw` has them."""
        speeds = np.array(self.speeds or (STEPS,))[:, None]
        possible = stretched(lengths, speeds)
        return np.where(possible <= longest, possible, lengths)

    def apply(self, samples: np.ndarray, index: int, draws: Draws) -> np.ndarray:
        """Float32 samples of utterance `index` as they are heard in the epoch of `draws`; may exceed 1 with a gain.
        They are the same bits in a training's own process, which may have threads, as in a loader, which has one."""
        with one_thread():
            return self._apply(torch.from_numpy(samples), index, draws).numpy()

    def _apply(self, wave: torch.Tensor, index: int, draws: Draws) -> torch.Tensor:
        repair_torchaudio()
        import torchaudio.functional as audio

        if (speed := int(draws.speed[index])) != STEPS:
            wave = audio.resample(wave, speed, STEPS)
        if self.gain:
            wave = audio.gain(wave, float(draws.gain[index]))
        if self.noise:
            noise = np.random.default_rng((self.seed, draws.epoch, index)).standard_normal(len(wave), dtype=np.float32)
            wave = audio.add_noise(wave, torch.from_numpy(noise), torch.tensor(float(draws.snr[index])))
        return wave


def stretched(lengths: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """Samples at `speed`/STEPS of what takes `lengths` samples."""
    return -(-lengths.astype(np.int64) * STEPS // speed)


def _speeds(text: str) -> tuple[int, ...]:
    factors = _numbers("--augment-speed", text) if text else []
    steps = [factor * STEPS for factor in factors]
    if any(not SLOWEST <= step / STEPS <= FASTEST or abs(step - round(step)) > 1e-6 for step in steps):
        raise InputError("--augment-speed", f"multiples of {1 / STEPS} from {SLOWEST} to {FASTEST}", repr(text),
                         "Write e.g. 0.9,1,1.1.")
    return tuple(round(step) for step in steps)


def _range(option: str, text: str) -> Range | None:
    if not text:
        return None
    numbers = _numbers(option, text)
    if len(numbers) != 2 or numbers[0] > numbers[1]:
        raise InputError(option, "the lowest and the highest value in dB", repr(text), f"Write e.g. {option}=-6,6.")
    if max(map(abs, numbers)) > MOST:
        raise InputError(option, f"values from -{MOST:.0f} to {MOST:.0f} dB", repr(text), f"Write e.g. {option}=-6,6.")
    return numbers[0], numbers[1]


def _numbers(option: str, text: str) -> list[float]:
    numbers = [plain_number(part) for part in text.split(",")]
    if not np.isfinite(numbers).all():
        raise InputError(option, "numbers with a comma between them", repr(text), "Leave it out, or correct it.")
    return numbers
