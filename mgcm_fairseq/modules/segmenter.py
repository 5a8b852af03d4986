"""Differentiable segmentation in the network: the boundary head, and what encoder and decoder may see by it."""

from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mgcm_fairseq.core.conflict import Passing, Stream
from mgcm_fairseq.core.segmentation import (
    LOG_ZERO,
    Variant,
    expected_visibility,
    forced_boundaries,
    hard_visibility,
    noisy_logits,
    segment_starts,
    with_forced,
    within_history,
)
from mgcm_fairseq.modules.source import Source


class Boundaries(NamedTuple):
    """Of some frames, and what the frames that follow need to know."""

    all: Tensor  # (B, T) bool, decided or forced
    forced: Tensor | None  # (B, T) bool; None without a longest segment
    last: Tensor  # (B,) of core.segmentation.Decisions
    since: Tensor | None  # (B,) of core.segmentation's Forced


class Segmenter(nn.Module):
    """e_t = w1 relu(W2 a_t): the logit of a boundary behind frame t (DiSeg, arXiv 2305.16093)."""

    def __init__(self, dim: int, variant: Variant, longest: int = 0, history: int = 0) -> None:
        """Bounds, both 0 for none: `longest`, frames after which a segment ends in any case; `history`, frames before
        its segment that a frame sees.
        """
        super().__init__()
        self.hidden = nn.Linear(dim, dim)
        self.output = nn.Linear(dim, 1)
        self.variant = variant
        self.longest = longest
        self.history = history

    def forward(self, x_BTD: Tensor) -> Tensor:
        """(B, T) logits."""
        return self.output(F.relu(self.hidden(x_BTD))).squeeze(2)

    def decide(self, logits_BT: Tensor, frames: Tensor, before: Boundaries | None = None) -> Boundaries:
        """Boundaries of (B,) frames; `before`: those of the frames before, None at the beginning of an utterance."""
        decided = self.variant.decide(logits_BT, frames, None if before is None else before.last)
        if not self.longest:
            return Boundaries(decided.boundaries, None, decided.last, None)
        forced = forced_boundaries(decided.boundaries, frames, self.longest, None if before is None else before.since)
        return Boundaries(decided.boundaries | forced.boundaries, forced.boundaries, decided.last, forced.since)

    def counted(self, logits_BT: Tensor, frames: Tensor, forced_BT: Tensor | None) -> Tensor:
        """(B, T) logits of what counts as a boundary, for everything that is taken in expectation."""
        counted = self.variant.counted(logits_BT, frames)
        return counted if forced_BT is None else with_forced(counted, forced_BT)

    def segment(self, speech: Stream, frames: Tensor, noise: float, passing: Passing) -> Source:
        """Segments embedded speech (B, T, D) of (B,) frames; in training in expectation, with noise of this std.

        The speech is read without gradient, as published: the segmenter learns to find boundaries in what the tasks
        have made of the speech.
        """
        [logits] = passing.run(self, [(passing.start(speech.value.detach(), speech.tasks),)])
        boundaries = self.decide(logits.value.detach(), frames)
        units = self.variant.frame_units(boundaries.all)
        if not self.training:
            visible = hard_visibility(boundaries.all, frames, self.history)
            return Source(speech, frames, visible, units, logits, boundaries.all, boundaries.forced)
        drawn = noisy_logits(torch.zeros_like(logits.value), noise)
        [visibility] = passing.run(partial(self._expect, speech.value.dtype),
                                   [(logits, drawn, frames, boundaries.all, boundaries.forced)])
        return Source(speech, frames, visibility, units, logits, boundaries.all, boundaries.forced, drawn)

    def _expect(self, dtype: torch.dtype, logits_BT: Tensor, noise_BT: Tensor, frames: Tensor, boundaries_BT: Tensor,
                forced_BT: Tensor | None) -> Tensor:
        """What encoder and decoder may see in expectation, as a bias of that type."""
        bias = expected_visibility(self.counted(logits_BT + noise_BT, frames, forced_BT), frames, dtype)
        return within_history(bias, segment_starts(boundaries_BT), self.history, LOG_ZERO)
