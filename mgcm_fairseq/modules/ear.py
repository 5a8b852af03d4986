"""What CTC hears in each frame of a stream: nothing new, the onset of a piece that is spoken, the end of a sentence."""

import torch
from torch import Tensor

from mgcm_fairseq.modules.ctc import CTCHeads

NOTHING, ONSET, END = range(3)


class Ear:
    """Of one stream of embedded speech. T frames, D width, V vocabulary.

    In a pause CTC repeats what it heard last, or writes the marks of the sentence's end. Training on windows makes it
    write </s> between sentences.
    """

    def __init__(self, heads: CTCHeads, spoken_V: Tensor, eos: int) -> None:
        """`spoken_V`: bool, which pieces have letters or digits."""
        self._heads = heads
        self._spoken_V = spoken_V
        self._eos = eos
        self._last = torch.full((1, 1), -1, device=spoken_V.device)

    def extend(self, embedded_1TD: Tensor) -> Tensor:
        """(1, T) int64 of the next T frames: NOTHING, ONSET or END."""
        labels_1T = self._heads.heard(embedded_1TD)
        before_1T = torch.cat([self._last, labels_1T], 1)[:, :-1]
        if labels_1T.size(1):
            self._last = labels_1T[:, -1:]
        onsets_1T = self._spoken_V[labels_1T] & (labels_1T != before_1T)
        return torch.where(labels_1T == self._eos, END, onsets_1T * ONSET)
