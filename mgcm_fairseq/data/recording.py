"""A recording of any kind, whole: any format of libsndfile's, rate and number of channels."""

import sys
from pathlib import Path

import numpy as np

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.riff_chunks import read_samples
from mgcm_fairseq.data.samples import SOUND, first_fault
from mgcm_fairseq.data.sound_files import SoundError, opened, sound_chunks


def read_any(path: Path) -> np.ndarray:
    """A whole audio file as float32 mono samples at 16 kHz: channels are averaged, other rates resampled.

    InputError for what is no sound, or is said to be none that a recording can be; a wav that ends before its header
    says is read as far as it goes, with a word on stderr.
    """
    import torch

    from mgcm_fairseq.compat import repair_torchaudio

    repair_torchaudio()
    import torchaudio.functional

    if not path.is_file():
        raise InputError(path, "an audio file", "no such file", "Give the path of a wav, flac or ogg file.")
    if missing := read_samples(path).missing:
        print(f"{path}: {missing} bytes less than its header promises. The recording is cut off.", file=sys.stderr)
    chunks, count = [np.zeros(0, np.float32)], 0
    try:
        with opened(path) as file:
            rate = file.samplerate
        for chunk in sound_chunks(path):
            if fault := first_fault(chunk, rate, count):
                raise InputError(path, SOUND, fault, "Repair the file or record it again.")
            chunks.append(chunk.mean(axis=1))
            count += len(chunk)
    except SoundError as error:
        raise InputError(path, "audio that libsndfile can read", str(error), "Convert it to wav.") from error
    mono = torch.from_numpy(np.concatenate(chunks))
    if rate != SAMPLE_RATE and count:  # torchaudio does not resample nothing
        mono = torchaudio.functional.resample(mono, rate, SAMPLE_RATE)
    return mono.numpy()
