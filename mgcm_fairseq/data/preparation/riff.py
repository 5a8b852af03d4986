"""Whether a wav holds what its header promises; libsndfile takes what is there for the whole."""

import os
from pathlib import Path

from mgcm_fairseq.data.riff_chunks import chunks, says_nothing


def bytes_missing(path: Path) -> int:
    """Of the samples that a RIFF wav's header promises; 0 for any other file. Raises OSError."""
    with path.open("rb") as file:
        for name, length, start in chunks(file):
            if name == b"data":
                behind = os.fstat(file.fileno()).st_size - start
                return 0 if says_nothing(file, length, start) else max(0, length - behind)
    return 0
