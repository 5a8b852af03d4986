"""The two variants of differentiable segmentation, as objects of one interface. B batch, T frame, U token.

What both have in common is in the other files of this package, and the variants are made of it.
"""

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from mgcm_fairseq.core.segmentation.boundaries import Decisions
from mgcm_fairseq.core.segmentation.published import Published
from mgcm_fairseq.core.segmentation.repaired import Repaired


class Variant(Protocol):
    """How boundaries, units of the lag and segments are counted, and what follows from that."""

    @property
    def name(self) -> str:
        """As --segmentation-variant calls it."""

    @property
    def waits_in_expectation(self) -> bool:
        """Whether `expected_waiting` of the counted logits is the expectation of `wait_mask`."""

    @property
    def counts_over_the_batch(self) -> bool:
        """Whether `segment_number_loss` of a batch is not the sum of that of its parts."""

    def decide(self, logits_BT: Tensor, lengths_B: Tensor, before_B: Tensor | None = None) -> Decisions:
        """Hard boundaries; `before_B` is `last` of the frames before, None at the beginning of an utterance."""

    def counted(self, logits_BT: Tensor, lengths_B: Tensor) -> Tensor:
        """(B, T) logits of what `decide` counts as a boundary, for everything that is taken in expectation."""

    def frame_units(self, boundaries_BT: Tensor) -> Tensor:
        """(B, T) the unit of each frame of speech, for `wait_mask`."""

    def token_units(self, starts_BU: Tensor) -> Tensor:
        """(B, U) the unit of each token of a source text, for `wait_mask`; True where a token begins a word."""

    def units_written(self, starts_BU: Tensor) -> Tensor:
        """(B, U) target units written before each position; True where the INPUT token begins a unit."""

    def wait_mask(self, units_BT: Tensor, lengths_B: Tensor, written_BU: Tensor, lag: int) -> Tensor:
        """(B, 1, U, T) bool, True where target position u sees source position t; see core.segmentation.waiting."""

    def segment_number_loss(self, probabilities_BT: Tensor, lengths_B: Tensor, words_B: Tensor) -> Tensor:
        """() L_num of a batch, from the p of counted logits, frames and words of each sentence."""


VARIANTS: Mapping[str, Variant] = {variant.name: variant for variant in (Repaired(), Published())}
"""By their names."""
