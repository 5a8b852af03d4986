"""An embedded source on its way into the encoder's layers, and what comes out of them."""

from typing import NamedTuple

from torch import Tensor

from mgcm_fairseq.core.conflict import Stream
from mgcm_fairseq.modules.lengths import key_mask, valid_mask


class Source(NamedTuple):
    """B utterances of speech or text, and what may be seen of them: T frames or tokens."""

    embedded: Stream  # (B, T, D)
    lengths: Tensor  # (B,) frames or tokens
    visibility: Stream | Tensor  # (B, 1, T or 1, T): a bias with gradients for segments in training, else a bool mask
    units: Tensor  # (B, T) the segment of each frame, or the word or position of each token, from 0
    logits: Stream | None = None  # (B, T) e, without noise; None where nothing is segmented
    boundaries: Tensor | None = None  # (B, T) bool, decided or forced; None where nothing is segmented
    forced: Tensor | None = None  # (B, T) bool, those of the longest segment; None where there is no such bound
    noise: Tensor | None = None  # (B, T) on these in training, the same for encoder and decoder
    ends: Tensor | None = None  # (B, T) of speech that CTC has shrunk: the frame behind what each state stands for
    language: Tensor | None = None  # (B,) the source language of each by its rank; None where nothing asks for it

    @property
    def valid(self) -> Tensor:
        """(B, T) bool, True where there is no padding."""
        return valid_mask(self.lengths, self.embedded.value.size(1))


class Memory(NamedTuple):
    """What a decoder attends to."""

    states: Tensor  # (B, T, D)
    lengths: Tensor  # (B,) frames or tokens
    units: Tensor  # (B, T) as in Source
    ends: Tensor | None = None  # (B, T) as in Source

    @property
    def frames(self) -> int:
        """How many frames an unpadded memory stands for."""
        return self.states.size(1) if self.ends is None else int(self.ends[0, -1])

    def first(self, frames: int) -> "Memory":
        """Of the first frames alone, of an unpadded memory."""
        return Memory(self.states[:, :frames], self.lengths.clamp(max=frames), self.units[:, :frames])

    @property
    def mask(self) -> Tensor:
        """(B, 1, 1, T), True where a state may be attended to."""
        return key_mask(valid_mask(self.lengths, self.states.size(1)))
