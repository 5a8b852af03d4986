"""Headers and bodies of wavs, through preparation, training and the agents."""

import struct
from pathlib import Path
from random import Random

import numpy as np

from mgcm_fairseq.checks.fuzzing.spoiling import few, spoil_bytes
from mgcm_fairseq.checks.fuzzing.target import Files, LossError, same
from mgcm_fairseq.checks.fuzzing.targets.sounds import heard
from mgcm_fairseq.checks.fuzzing.values import WHOLE

RATES = (8_000, 16_000, 16_000, 16_000, 16_000, 22_050, 44_100, 48_000)
ODD_RATES = (0, 1, 2, 7, 100, 15_999, 16_001, 96_000, 192_000, 999_983, 2**20, 2**31, 2**32 - 1)
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
TAGS = (0, PCM, 2, FLOAT, 6, 7, 17, 49, 0x55, 0xFF, EXTENSIBLE, 0xFFFF)
UNKNOWN = (0, 0x7FFFFFFF, 0x7FFFF000, 2**32 - 45, 2**32 - 1)  # lengths of a program that writes into a pipe


class Wav:
    """A wav is whole, or refused: as many samples as the chunk `data` holds, and those samples."""

    def __init__(self, shared: Path) -> None:
        self._made = shared / "made.wav"

    def draw(self, random: Random) -> Files:
        bits = random.choice((16, 16, 16, 8, 24, 32))
        tag = FLOAT if bits == 32 and random.randrange(2) else PCM
        channels = random.choice((1, 1, 1, 2, 3))
        rate = random.choice(RATES) if random.randrange(10) else random.choice(ODD_RATES)
        size = bits // 8 * channels
        length = random.choice((0, 1, 5, 160, 400))
        body = (np.linspace(-0.5, 0.5, length * channels, dtype="<f4").tobytes() if tag == FLOAT
                else random.randbytes(length * size))
        fields = [tag, channels, rate, rate * size % 2**32, size, bits]
        if not random.randrange(4):
            at = random.randrange(6)
            fields[at] = random.choice(TAGS if at == 0 else WHOLE) % (2**32 if at in (2, 3) else 2**16)
        chunk = struct.pack("<HHIIHH", *fields)
        if not random.randrange(6):
            valid = random.choice((bits, 0, 1, 65_535))
            chunk = struct.pack("<H", EXTENSIBLE) + chunk[2:] + struct.pack("<HHIH", 22, valid, 4, fields[0]) + (
                b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71")
        length = len(body) if random.randrange(5) else random.choice((*WHOLE, *UNKNOWN, len(body) + 1, len(body) // 2))
        chunks = [(b"fmt ", len(chunk), chunk), (b"data", length, body)]
        for _ in range(random.choice((0, 0, 0, 1, 2))):
            more = random.randbytes(random.choice((0, 1, 2, 26)))
            name = random.choice((b"LIST", b"bext", b"fact", b"junk", b"data", b"fmt "))
            chunks.insert(random.randint(0, len(chunks)), (name, len(more), more))
        data = b"".join(struct.pack("<4sI", name, length) + content + b"\0" * (len(content) % 2)
                        for name, length, content in chunks)
        size = random.choice((4 + len(data), 4 + len(data), 0, 2**32 - 1))
        whole = b"RIFF" + struct.pack("<I", size) + b"WAVE" + data
        return {"a.wav": few(random, whole, (spoil_bytes,)) if not random.randrange(3) else whole}

    def read(self, folder: Path) -> None:
        path = folder / "a.wav"
        sound = heard(path, self._made)
        stated = _stated(path.read_bytes())
        if stated is None:
            return
        rate, samples = stated
        same("samples in 16 kHz", len(sound), -(-len(samples) * 16_000 // rate))
        if rate == 16_000:
            difference = float(np.abs(sound - samples).max(initial=0))
            if not difference <= 2 / 32_768:  # what is converted is rounded to 16 bits
                raise LossError(f"samples: {difference} off, at a full scale of 1")


def _stated(data: bytes) -> tuple[int, np.ndarray] | None:
    """Rate and mono samples in [-1, 1] of a plain wav, read in the plainest way; None for what is not plain."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    at, layout = 12, None
    while at + 8 <= len(data):
        name, length = struct.unpack("<4sI", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if name == b"fmt " and len(body) >= 16:
            layout = struct.unpack("<HHIIHH", body[:16])
        if name == b"data":
            break
        at += 8 + length + length % 2
    else:
        return None
    if layout is None or layout[0] not in (PCM, FLOAT) or (length in UNKNOWN and length != len(body)):
        return None
    tag, channels, rate, _, size, bits = layout
    if not 0 < channels < 100 or size * 8 != bits * channels or rate == 0 or (length == 0 and len(data) > at + 8):
        return None
    return (rate, _mono(body[:len(body) // size * size], tag, bits, channels)) if (tag, bits) in _TYPES else None


_TYPES = {(PCM, 8): "u1", (PCM, 16): "<i2", (PCM, 32): "<i4", (FLOAT, 32): "<f4"}


def _mono(body: bytes, tag: int, bits: int, channels: int) -> np.ndarray:
    values = np.frombuffer(body, _TYPES[tag, bits]).astype(np.float64)
    if tag == PCM:
        values = (values - 128) / 128 if bits == 8 else values / 2.0**(bits - 1)
    return np.clip(values.reshape(-1, channels).mean(1), -1, 32_767 / 32_768) if len(values) else np.zeros(0)
