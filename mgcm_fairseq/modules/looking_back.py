"""Speech shrunk by what CTC hears: a state for each streak of frames, which then looks back at all of them.

IMTL (arXiv 2311.03810). Departs from its code, whose mask behind the shrinking hides no padding.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mgcm_fairseq.core.conflict import Passing, Stream
from mgcm_fairseq.core.ctc_streaks import streak_counts, streak_ends, streak_ids, streak_starts
from mgcm_fairseq.core.segmentation import pool_words
from mgcm_fairseq.modules.attention import MultiheadAttention
from mgcm_fairseq.modules.layers import LayerShape
from mgcm_fairseq.modules.lengths import key_mask, valid_mask

POOLS = ("first", "mean")


class Shrunk(NamedTuple):
    """Speech of N streaks, right-padded."""

    speech: Stream  # (B, N, D)
    streaks: Tensor  # (B,)
    ends: Tensor  # (B, N) the frame behind each streak


class LookingBack(nn.Module):
    """h = norm(q + attention(q, x, x)), norm(h + W2 silu(W1 h)): no positions, the norms behind the sums."""

    def __init__(self, shape: LayerShape) -> None:
        super().__init__()
        self.attention = MultiheadAttention(shape.dim, shape.heads, shape.attention_dropout)
        self.attention_norm = nn.LayerNorm(shape.dim)
        self.fc1 = nn.Linear(shape.dim, shape.ffn_dim)
        self.fc2 = nn.Linear(shape.ffn_dim, shape.dim)
        self.ffn_norm = nn.LayerNorm(shape.dim)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, shrunk_BND: Tensor, x_BTD: Tensor, mask: Tensor) -> Tensor:
        """(B, N, D) states that have seen all frames; mask: (B, 1, 1, T), True where there is a frame."""
        h_BND = self.attention_norm(self.dropout(shrunk_BND + self.attention(shrunk_BND, x_BTD, mask)))
        return self.ffn_norm(self.dropout(h_BND + self.fc2(F.silu(self.fc1(h_BND)))))


class Shrinker(nn.Module):
    """Embedded speech to a state for each streak of equal labels. B batch, T frame, N streak, D width."""

    label: Callable[[Tensor], Tensor]  # (B, T, D) embedded speech -> (B, T) what CTC hears; the network gives it

    def __init__(self, shape: LayerShape, pool: str, looks_back: bool, joining: int | None = None) -> None:
        """Args:
            pool: of POOLS, what a streak's state begins with: its first frame, or the mean of its frames.
            looks_back: whether states then look back.
            joining: the blank, where its frames belong to the streak before them.
        """
        super().__init__()
        self.pool, self.joining = pool, joining
        self.norm = nn.LayerNorm(shape.dim)
        self.looking_back = LookingBack(shape) if looks_back else None

    def forward(self, speech: Stream, frames: Tensor, passing: Passing) -> Shrunk:
        """Shrinks speech (B, T, D) of (B,) frames. A GPU is waited for: how long it becomes depends on what is heard.
        """
        size = speech.value.size(1)
        with torch.no_grad():
            ids_BT = streak_ids(self.label(speech.value.detach()), frames, self.joining)
        streaks = streak_counts(ids_BT)
        most = size if ids_BT.is_meta else int(streaks.max())  # where nothing is computed, the most that there may be
        [shrunk] = passing.run(self._pooled, [(speech, ids_BT, frames, most)])
        if self.looking_back is not None:
            [shrunk] = passing.run(self.looking_back, [(shrunk, speech, key_mask(valid_mask(frames, size)))])
        return Shrunk(shrunk, streaks, streak_ends(ids_BT, frames, most))

    def _pooled(self, x_BTD: Tensor, ids_BT: Tensor, frames: Tensor, most: int) -> Tensor:
        if self.pool == "mean":
            return self.norm(pool_words(x_BTD, ids_BT, frames, most).to(x_BTD.dtype))  # a streak as though a word
        return self.norm(torch.take_along_dim(x_BTD, streak_starts(ids_BT, most).unsqueeze(2), 1))
