"""A tiny corpus in the layout of MuST-C, made of sine waves, and ways to spoil it."""

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

# talk, speaker, offset [s], duration [s], English, German; the order of the lines is not that of time
UTTERANCES = (
    ("ted_1", "spk.1", 10.2, 0.9, "The dog sees the old house.", "Der Hund sieht das alte Haus."),
    ("ted_1", "spk.1", 9.5, 0.5, "Good morning!", "Guten Morgen!"),
    ("ted_1", "spk.1", 100.0, 1.25, "(Laughter) Why does nobody listen?", "(Lachen) Warum hört niemand zu?"),
    ("ted_2", "spk.2", 0.0, 2.0, "Children play in the green garden.", "Kinder spielen im grünen Garten."),
    ("ted_2", "spk.2", 2.5, 1.0, "We will come back tomorrow.", "Wir kommen morgen zurück."),
)
NUMBERS = {"v1": "duration: {}, offset: {}", "v2": "duration: {:.6f}, offset: {:.6f}"}  # how the releases write them


@dataclass(frozen=True)
class TinyCorpus:
    """`root` is what --root takes; `source` the language of the transcripts."""

    root: Path
    source: str = "en"

    @property
    def pair(self) -> Path:
        return self.root / f"{self.source}-de"

    def txt(self, split: str, suffix: str) -> Path:
        return self.pair / "data" / split / "txt" / f"{split}.{suffix}"

    def wav(self, split: str, name: str) -> Path:
        return self.pair / "data" / split / "wav" / name

    def set_line(self, path: Path, line: int, text: str | bytes) -> None:
        """Replaces line `line`, counted from 1."""
        lines = path.read_bytes().split(b"\n")
        lines[line - 1] = text if isinstance(text, bytes) else text.encode()
        path.write_bytes(b"\n".join(lines))

    def write_split(self, split: str, utterances=UTTERANCES, style: str = "v1") -> None:
        self.txt(split, "yaml").parent.mkdir(parents=True)
        self.wav(split, "").mkdir()
        yaml, source, target = "", "", ""
        ends: dict[str, float] = {}
        for talk, speaker, offset, duration, english, german in utterances:
            numbers = NUMBERS[style].format(duration, offset)
            yaml += f"- {{{numbers}, rW: 4, uW: 0, speaker_id: {speaker}, wav: {talk}.wav}}\n"
            source, target = source + english + "\n", target + german + "\n"
            ends[talk] = max(ends.get(talk, 0), offset + duration)
        for suffix, text in (("yaml", yaml), (self.source, source), ("de", target)):
            self.txt(split, suffix).write_text(text, encoding="utf-8")
        for number, (talk, end) in enumerate(ends.items(), start=1):
            write_wav(self.wav(split, f"{talk}.wav"), end, number)


def write_wav(path: Path, seconds: float, number: int = 1, rate: int = 16_000, channels: int = 1) -> None:
    """A sine of 100 Hz times `number`, in 16 bit."""
    path.write_bytes(_wav(seconds, number, rate, channels))


@cache
def _wav(seconds: float, number: int, rate: int, channels: int) -> bytes:
    time = np.arange(round(seconds * rate)) / rate
    wave = (8_000 * np.sin(2 * np.pi * 100 * number * time)).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, np.stack([wave] * channels, axis=1), rate, subtype="PCM_16", format="WAV")
    return file.getvalue()


@pytest.fixture(name="write_wav")
def _write_wav():
    return write_wav


@pytest.fixture
def corpus(tmp_path) -> TinyCorpus:
    """train, dev and tst-COMMON, each with all of UTTERANCES."""
    made = TinyCorpus(tmp_path / "corpus")
    for split in ("train", "dev", "tst-COMMON"):
        made.write_split(split)
    return made
