"""How many sentences the agents for talks begin in sound without speech: random notes of many kinds, or recordings."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mgcm_fairseq.common.arguments import Parser, number, positive
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import program
from mgcm_fairseq.core.pauses import Pauses
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.interludes import NOTE, PITCH, melody
from mgcm_fairseq.data.recording import Recording
from mgcm_fairseq.decoding.steady_sound import SteadySound
from mgcm_fairseq.decoding.voice_activity import CHUNK, VoiceActivity
from mgcm_fairseq.evaluation.table import markdown

SCRIPT = "scripts/checks/sentences_in_music.py"
MINUTES = 30
PAUSE, LONGEST = 6, 7 * SAMPLE_RATE // CHUNK  # chunks: those of the demo's talks
LOUDNESS = -20.0  # dB of full scale, root mean square
ATTACK = 0.01  # s
MakeNote = Callable[[np.random.Generator, float, np.ndarray], np.ndarray]


@program(SCRIPT)
def main() -> None:
    args = _parser().parse_args()
    for option, value in (("--minutes", args.minutes), ("--loudness", args.loudness)):
        if args.audio and value is not None:
            raise InputError(option, "recordings, or minutes of random notes", "both", "Leave one of them out.")
    minutes, loudness = args.minutes or MINUTES, LOUDNESS if args.loudness is None else args.loudness
    rows = [_recording(path) for path in args.audio] or [_random_notes(kind, minutes, loudness) for kind in KINDS]
    print("\n".join(markdown([["sound", "sentences by silero-vad alone", "with steady notes left out"], *rows])))


def _recording(path: Path) -> list[str]:
    recording = Recording(path)
    counts = sentences(recording.parts())
    recording.check()
    return [path.name, *map(str, counts)]


def _random_notes(kind: str, minutes: int, loudness: float) -> list[str]:
    counts = [sentences([minute(kind, seed, loudness)]) for seed in tqdm(range(minutes), unit="minute", desc=kind)]
    return [kind, *(str(sum(count)) for count in zip(*counts, strict=True))]


def sentences(parts: Iterator[np.ndarray] | Sequence[np.ndarray]) -> tuple[int, int]:
    """How many sentences begin in a recording, by silero-vad alone and with SteadySound.

    Args:
        parts: float32 samples (N,) at 16 kHz each.
    """
    voice, sound = VoiceActivity(), SteadySound()
    alone, both = Pauses(PAUSE, LONGEST), Pauses(PAUSE, LONGEST)
    count = [0, 0]
    for chunk in _chunks(parts):
        probability, steady = voice.probability(chunk), sound.is_steady(chunk)
        count[0] += alone.hear(probability, False).over
        count[1] += both.hear(probability, steady).over
    return count[0] + alone.end().over, count[1] + both.end().over


def minute(kind: str, seed: int, loudness: float = LOUDNESS) -> np.ndarray:
    """Float32 samples (N,) of a minute of random notes of one of KINDS, so loud in dB."""
    random = np.random.default_rng(seed)
    samples = KINDS[kind](random, 60 * SAMPLE_RATE)
    return (10 ** (loudness / 20) * samples / np.sqrt(np.mean(samples**2))).astype(np.float32)


def _notes(note: MakeNote, random: np.random.Generator, length: int) -> np.ndarray:
    samples, start = np.zeros(length), 0
    while start < length:
        size = min(length - start, round(random.uniform(*NOTE) * SAMPLE_RATE))
        time = np.arange(size) / SAMPLE_RATE
        pitch = PITCH[0] * (PITCH[1] / PITCH[0]) ** random.random()
        samples[start:start + size] = note(random, pitch, time) * np.minimum(1, time / ATTACK)
        start += size
    return samples


def _harmonics(random: np.random.Generator, phase: np.ndarray, count: int) -> np.ndarray:
    samples: np.ndarray = sum((random.random() * np.sin(2 * np.pi * harmonic * phase)
                               for harmonic in range(1, count + 1)), np.zeros(len(phase)))
    return samples


def _fading(random: np.random.Generator, time: np.ndarray) -> np.ndarray:
    return np.exp(-random.uniform(0, 5) * time)


def _chord(random: np.random.Generator, pitch: float, time: np.ndarray) -> np.ndarray:
    voices = [_harmonics(random, pitch * interval * time, 4) for interval in (1, 2 ** (4 / 12), 2 ** (7 / 12))]
    return np.sum(voices, axis=0) * _fading(random, time)


def _organ(random: np.random.Generator, pitch: float, time: np.ndarray) -> np.ndarray:
    return _harmonics(random, pitch * time, 8)


def _sawtooth(random: np.random.Generator, pitch: float, time: np.ndarray) -> np.ndarray:
    overtones = range(1, min(25, int(SAMPLE_RATE / 2 / pitch)))
    return np.sum([np.sin(2 * np.pi * k * pitch * time) / k for k in overtones], axis=0) * _fading(random, time)


def _bell(random: np.random.Generator, pitch: float, time: np.ndarray) -> np.ndarray:
    other = random.choice([1, 1.4, 2, 3.5]) * pitch
    depth = random.uniform(1, 5) * np.exp(-3 * time)
    return np.sin(2 * np.pi * pitch * time + depth * np.sin(2 * np.pi * other * time)) * _fading(random, time)


def _glide(random: np.random.Generator, pitch: float, time: np.ndarray) -> np.ndarray:
    pitches = pitch * 2 ** (random.uniform(-0.5, 0.5) * np.arange(len(time)) / len(time))
    return _harmonics(random, np.cumsum(pitches) / SAMPLE_RATE, 6) * _fading(random, time)


def _vibrato(random: np.random.Generator, pitch: float, time: np.ndarray) -> np.ndarray:
    pitches = pitch * (1 + 0.03 * np.sin(2 * np.pi * random.uniform(4.5, 6.5) * time))
    return _harmonics(random, np.cumsum(pitches) / SAMPLE_RATE, 6) * _fading(random, time)


KINDS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "melody of training": melody,
    "chords of three": partial(_notes, _chord),
    "organ: eight harmonics that do not fade away": partial(_notes, _organ),
    "sawtooth": partial(_notes, _sawtooth),
    "bells: frequency modulation": partial(_notes, _bell),
    "glides of up to half an octave": partial(_notes, _glide),
    "vibrato of 3 %": partial(_notes, _vibrato),
}


def _chunks(parts: Iterator[np.ndarray] | Sequence[np.ndarray]) -> Iterator[list[float]]:
    left = np.zeros(0, np.float32)
    for part in parts:
        left = np.concatenate([left, part])
        whole = len(left) - len(left) % CHUNK
        yield from left[:whole].reshape(-1, CHUNK).tolist()
        left = left[whole:]
    if len(left):
        yield left.tolist()


def _parser() -> argparse.ArgumentParser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("audio", type=Path, nargs="*", metavar="AUDIO", help="recordings, in place of random notes")
    parser.add_argument("--minutes", type=positive, metavar="N", help=f"of each kind of notes (default: {MINUTES})")
    parser.add_argument("--loudness", type=number(-70, 0, "a number from -70 to 0"), metavar="DB",
                        help=f"of the notes in dB of full scale, root mean square (default: {LOUDNESS:g})")
    return parser
