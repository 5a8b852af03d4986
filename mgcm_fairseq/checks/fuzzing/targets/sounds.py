"""What the product hears in a sound file, by each of its ways to read one."""

from contextlib import suppress
from pathlib import Path

import numpy as np

from mgcm_fairseq.checks.fuzzing.target import RefusedError, same
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import AudioSpan
from mgcm_fairseq.data.audio_files import AudioFiles
from mgcm_fairseq.data.recording import read_any
from mgcm_fairseq.preparation.headers import Unusable, read_header
from mgcm_fairseq.preparation.packs import Pack, write_pack


def heard(path: Path, made: Path) -> np.ndarray:
    """Samples (N,) at 16 kHz as training gets them; the agents' reader must not fail in another way.

    Args:
        path: the file.
        made: a wav to be written where the file has to be converted.
    Raises:
        RefusedError: the preparation has no use for the file.
    """
    with suppress(InputError):
        read_any(path)
    header = read_header(path)
    if isinstance(header, Unusable):
        raise RefusedError(f"{header.reason}: {header.found}")
    if not header.ready:
        for old in (made, made.with_suffix(".json")):
            old.unlink(missing_ok=True)
        [span] = write_pack(Pack(made, [str(path)]))
        if isinstance(span, Unusable):
            raise RefusedError(f"{span.reason}: {span.found}")
        return AudioSpan(made, span.offset, span.length).read() if span.length else np.zeros(0, np.float32)
    if header.length == 0:
        return np.zeros(0, np.float32)
    files = AudioFiles()
    try:
        samples = files.read(str(path), 0, header.length)
    finally:
        files.close()
    same("the same span read for lists and for training", AudioSpan(path, 0, header.length).read().tolist(),
         samples.tolist())
    return samples
