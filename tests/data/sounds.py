"""Sound files of any kind, filled with noise that shows where it was cut, and what of it a prepared corpus holds."""

import av
import numpy as np
import soundfile
from scipy.signal import firwin, oaconvolve, resample_poly

from mgcm_fairseq.data.manifest import read_manifest


def noise(seconds: float, seed: int, rate: int) -> np.ndarray:
    """Float32 noise (N,) below 3 kHz, which any rate and codec here can carry."""
    white = np.random.default_rng(seed).normal(size=round(seconds * rate) + 400)
    return (0.1 * oaconvolve(white, firwin(401, 3000, fs=rate), "valid")).astype(np.float32)


def write_sound(path, sound: np.ndarray, rate: int, channels: int = 1, **options) -> None:
    """A file in the format of its ending; m4a by FFmpeg, all others by libsndfile. More channels sum to the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stack = np.stack([sound * weight for weight in ((1,), (0.5, 1.5))[channels - 1]])
    if path.suffix != ".m4a":
        soundfile.write(path, stack.T, rate, **options)
        return
    layout = ("mono", "stereo")[channels - 1]
    with av.open(str(path), "w", **options) as container:
        stream = container.add_stream("aac", rate=rate, layout=layout, bit_rate=128_000)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(stack), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def at_16_khz(sound: np.ndarray, rate: int) -> np.ndarray:
    """By another resampler than the product's."""
    return sound if rate == 16_000 else resample_poly(sound.astype(np.float64), 16_000, rate)


def similarity(found: np.ndarray, expected: np.ndarray) -> float:
    """1 for the same sound, less for another gain, another time in the sound, or a loss; over the common length."""
    length = min(len(found), len(expected))
    found, expected = found[:length], expected[:length]
    return 1 - float(np.square(found - expected).mean() / np.square(expected).mean())


def spoken(folder, split) -> dict[str, tuple[np.ndarray, str, str, str]]:
    """Of each id of a prepared split: its samples, transcript, translation and speaker."""
    return {row.id: (row.audio.read(), row.src_text, row.tgt_text, row.speaker)
            for row in read_manifest(folder / f"{split}.tsv")}
