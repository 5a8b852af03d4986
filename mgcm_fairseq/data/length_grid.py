"""A grid of lengths: batches that are padded up to it have few shapes, each of which a GPU plans for once.

In half precision cuDNN plans its convolutions for every shape of a batch that it has not met, which takes longer than
the training step itself. Padding changes no result of this package, so lengths may be rounded up.
"""

from dataclasses import dataclass

import numpy as np

UNIT, OFFSET = 2560, 80  # samples: n units and the offset give the wav2vec 2.0 front end exactly 8 n frames
TOKENS = 8  # lengths of texts are multiples of this


@dataclass(frozen=True)
class LengthGrid:
    """Lengths of audio: 1, 2 ... 16 units, then 18, 20 ... 32, then 36, 40 ... 64 and so on, each with the offset.

    From 8 units on a step is at most an eighth of the length below it.
    """

    most: int | None = None  # samples: no length is raised above this, nor is one that is longer

    def samples(self, lengths: np.ndarray | int) -> np.ndarray:
        """Samples of audio, rounded up. The order of lengths stays, and a length of the grid stays what it is."""
        lengths = np.asarray(lengths)
        units = np.maximum(-(-(lengths - OFFSET) // UNIT), 1)
        octave = np.maximum(np.frexp((units - 1).astype(float))[1] - 4, 0)  # of 2^(octave + 3) to 2^(octave + 4) units
        step = np.left_shift(1, octave.astype(np.int64))
        rounded = -(-units // step) * step * UNIT + OFFSET
        return rounded if self.most is None else np.maximum(lengths, np.minimum(rounded, self.most))

    def tokens(self, lengths: np.ndarray | int) -> np.ndarray:
        """Tokens of text, rounded up."""
        return -(-np.asarray(lengths) // TOKENS) * TOKENS
