"""Where speech says something new: frames at which CTC begins another piece that has letters or digits."""

import torch
from torch import Tensor

from mgcm_fairseq.modules.ctc import CTCHeads


class Onsets:
    """Of one stream of embedded speech. T frames, D width, V vocabulary.

    In a pause CTC repeats what it heard last, or writes the marks of the sentence's end.
    """

    def __init__(self, heads: CTCHeads, spoken_V: Tensor) -> None:
        """`spoken_V`: bool, which pieces have letters or digits."""
        self._heads = heads
        self._spoken_V = spoken_V
        self._last = torch.full((1, 1), -1, device=spoken_V.device)

    def extend(self, embedded_1TD: Tensor) -> Tensor:
        """(1, T) bool of the next T frames."""
        labels_1T = self._heads.pieces(embedded_1TD).argmax(2)
        before_1T = torch.cat([self._last, labels_1T], 1)[:, :-1]
        if labels_1T.size(1):
            self._last = labels_1T[:, -1:]
        return self._spoken_V[labels_1T] & (labels_1T != before_1T)
