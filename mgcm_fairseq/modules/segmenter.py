"""Differentiable segmentation in the network: the boundary head, and what encoder and decoder may see by it."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mgcm_fairseq.core.conflict import Passing, Stream
from mgcm_fairseq.core.segmentation import Variant, expected_visibility, hard_visibility, noisy_logits
from mgcm_fairseq.modules.source import Source


class Segmenter(nn.Module):
    """e_t = w1 relu(W2 a_t): the logit of a boundary behind frame t (DiSeg, arXiv 2305.16093)."""

    def __init__(self, dim: int, variant: Variant) -> None:
        super().__init__()
        self.hidden = nn.Linear(dim, dim)
        self.output = nn.Linear(dim, 1)
        self.variant = variant

    def forward(self, x_BTD: Tensor) -> Tensor:
        """(B, T) logits."""
        return self.output(F.relu(self.hidden(x_BTD))).squeeze(2)

    def segment(self, speech: Stream, frames: Tensor, noise: float, passing: Passing) -> Source:
        """Segments embedded speech (B, T, D) of (B,) frames; in training in expectation, with noise of this std.

        The speech is read without gradient, as published: the segmenter learns to find boundaries in what the tasks
        have made of the speech.
        """
        [logits] = passing.run(self, [(passing.start(speech.value.detach(), speech.tasks),)])
        boundaries = self.variant.decide(logits.value.detach(), frames).boundaries
        units = self.variant.frame_units(boundaries)
        if not self.training:
            return Source(speech, frames, hard_visibility(boundaries, frames), units, logits)
        drawn = noisy_logits(torch.zeros_like(logits.value), noise)
        [visibility] = passing.run(partial(self._expected, dtype=speech.value.dtype), [(logits, drawn, frames)])
        return Source(speech, frames, visibility, units, logits, drawn)

    def _expected(self, logits_BT: Tensor, noise_BT: Tensor, frames: Tensor, dtype: torch.dtype) -> Tensor:
        return expected_visibility(self.variant.counted(logits_BT + noise_BT, frames), frames, dtype)
