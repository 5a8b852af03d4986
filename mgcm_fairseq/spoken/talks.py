"""Talks: the unit of work. Each is spoken by one voice in one fresh process, so that it repeats bit for bit."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import soundfile
from tqdm import tqdm

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.lock import join_in
from mgcm_fairseq.common.read_text import read_json
from mgcm_fairseq.common.stopping import deaf_processes
from mgcm_fairseq.common.whole import whole, write_whole
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.spoken.fresh_processes import in_fresh_processes
from mgcm_fairseq.spoken.text import TRAIN, Splits
from mgcm_fairseq.spoken.voice import AMERICAN, HELD_OUT_VARIANTS, TRAIN_VARIANTS, Voice, say_all

# Utterances begin and end on multiples of 125 samples, 1/128 s: their seconds have seven decimals and are exact in
# binary, so that readers recover the samples whether they round or truncate.
GRID = 125
_UTTERANCES = (20, 50)  # fewest and most of a talk
_PAUSE = (26, 154)  # shortest and longest between utterances, in steps of GRID: 0.2 to 1.2 s
_RATE, _PITCH, _VOLUME = (175, 235), (30, 75), (60, 100)  # see Voice

WORK = "spoken-corpus"
"""What is done in a corpus's folder, for common.lock."""

Span = tuple[int, int]  # offset and length of an utterance in samples


@dataclass(frozen=True)
class Talk:
    """One wav file: its split, its name (also its speaker's), who says what after which pauses (steps of GRID)."""

    split: str
    name: str
    voice: Voice
    sentences: tuple[str, ...]
    pauses: tuple[int, ...]  # one before each sentence and one after the last


def plan(splits: Splits, seed: int, language: str = AMERICAN) -> list[Talk]:
    """Cuts each split into talks and draws their voices; at least three talks a split where it has three sentences.

    Args:
        language: espeak-ng's, of all voices, which are otherwise the same for all languages.
    """
    talks: list[Talk] = []
    for split, pairs in splits.items():
        random = Random(f"{seed}/{split}/voices")
        variants = TRAIN_VARIANTS if split == TRAIN else HELD_OUT_VARIANTS
        most = -(-len(pairs) // len(HELD_OUT_VARIANTS))
        start = turn = 0
        while start < len(pairs):
            chosen = tuple(source for source, _ in pairs[start:start + min(random.randint(*_UTTERANCES), most)])
            voice = Voice(variants[turn % len(variants)],
                          random.randint(*_RATE), random.randint(*_PITCH), random.randint(*_VOLUME), language)
            pauses = tuple(random.randint(*_PAUSE) for _ in range(len(chosen) + 1))
            talks.append(Talk(split, f"talk_{len(talks) + 1}_{voice.variant}", voice, chosen, pauses))
            start, turn = start + len(chosen), turn + 1
    return talks


def speak(talk: Talk, wavs: Path, spans: Path) -> None:
    """Writes wavs/NAME.wav (16 kHz, mono, 16 bit), then spans/NAME.json, each whole or not at all.

    Call it in a fresh process: see `say_all`.
    """
    parts: list[np.ndarray] = []
    found: list[Span] = []
    position = 0
    for pause, samples in zip(talk.pauses, say_all(talk.voice, talk.sentences), strict=False):
        silence, length = pause * GRID, -(-len(samples) // GRID) * GRID
        parts += [np.zeros(silence), samples, np.zeros(length - len(samples))]
        found.append((position + silence, length))
        position += silence + length
    parts.append(np.zeros(talk.pauses[-1] * GRID))
    samples = np.concatenate(parts)
    with whole(wavs / f"{talk.name}.wav", 2 * len(samples)) as partial:
        soundfile.write(partial, samples, SAMPLE_RATE, "PCM_16", format="WAV")
    write_whole(spans / f"{talk.name}.json", json.dumps(found))


def speak_missing(talks: Sequence[Talk], data: Path, spans: Path, processes: int) -> int:
    """Speaks into data/SPLIT/wav the talks that have no file in `spans` yet; returns the count of their sentences."""
    for split in {talk.split for talk in talks}:
        (data / split / "wav").mkdir(parents=True, exist_ok=True)
    spans.mkdir(parents=True, exist_ok=True)
    missing = [talk for talk in talks if not (spans / f"{talk.name}.json").is_file()]
    total, left = (sum(len(talk.sentences) for talk in some) for some in (talks, missing))
    jobs = ((talk, data / talk.split / "wav", spans) for talk in missing)
    with tqdm(total=total, initial=total - left, unit="utterance", desc="speaking") as bar:
        if missing:
            context = deaf_processes([__name__])  # forks from a process that never spoke
            for count in in_fresh_processes(_speak_one, jobs, processes, context, lambda job: job[0].name):
                bar.update(count)
    return left


def _speak_one(job: tuple[Talk, Path, Path]) -> int:
    talk, wavs, spans = job
    join_in(spans.parent, WORK)
    speak(talk, wavs, spans)
    return len(talk.sentences)


def read_spans(talk: Talk, spans: Path) -> list[Span]:
    """Where `speak` put the sentences of `talk`."""
    path = spans / f"{talk.name}.json"
    try:
        return [(offset, length) for offset, length in read_json(path)]
    except (TypeError, ValueError) as error:
        raise InputError(path, "offset and length of each sentence, as JSON", str(error),
                         "Delete it and run the same command again.") from error
