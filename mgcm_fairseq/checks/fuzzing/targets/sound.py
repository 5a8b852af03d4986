"""Sound that libsndfile decodes: flac, mp3 and containers that are no wav, spoilt anywhere."""

import io
from pathlib import Path
from random import Random

import numpy as np
import soundfile

from mgcm_fairseq.checks.fuzzing.spoiling import few, spoil_bytes
from mgcm_fairseq.checks.fuzzing.target import Files, LossError
from mgcm_fairseq.checks.fuzzing.targets.sounds import heard

KINDS = (("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_16"), ("W64", "PCM_16"),
         ("CAF", "FLOAT"))
RATES = (16_000, 44_100)
LENGTH = 1_600


class Sound:
    """What is taken has its sound: as many samples as an unspoilt file, or a header that says otherwise."""

    def __init__(self, shared: Path) -> None:
        self._made = shared / "made.wav"
        self._files = [(kind, _sound(kind, subtype, rate)) for kind, subtype in KINDS for rate in RATES]

    def draw(self, random: Random) -> Files:
        kind, data = random.choice(self._files)
        return {f"a.{kind.lower()}": few(random, data, (spoil_bytes,))}

    def read(self, folder: Path) -> None:
        [path] = folder.iterdir()
        sound = heard(path, self._made)
        if not np.isfinite(sound).all():
            raise LossError("samples: some that are no number")


def _sound(kind: str, subtype: str, rate: int) -> bytes:
    file = io.BytesIO()
    wave = 0.3 * np.sin(np.arange(LENGTH) / 7)
    soundfile.write(file, wave, rate, format=kind, subtype=subtype)
    return file.getvalue()
