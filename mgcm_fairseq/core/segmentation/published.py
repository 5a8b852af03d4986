"""The published variant: what DiSeg's code counts, without its faults at padding."""

from torch import Tensor

from mgcm_fairseq.core.segmentation.boundaries import Decisions, decide_frames
from mgcm_fairseq.core.segmentation.losses import segment_number_norms
from mgcm_fairseq.core.segmentation.segments import segment_ids
from mgcm_fairseq.core.segmentation.waiting import positions, units_seen, visible_units


class Published:
    """A `Variant`."""

    name = "published"
    waits_in_expectation = False
    counts_over_the_batch = True

    def decide(self, logits_BT: Tensor, lengths_B: Tensor, before_B: Tensor | None = None) -> Decisions:
        """Every frame with p > 0.5."""
        return decide_frames(logits_BT, lengths_B, before_B)

    def counted(self, logits_BT: Tensor, lengths_B: Tensor) -> Tensor:
        """e itself."""
        return logits_BT

    def frame_units(self, boundaries_BT: Tensor) -> Tensor:
        """Boundaries up to and with the frame: this hides the boundary frame of the last segment that is seen."""
        return segment_ids(boundaries_BT) + boundaries_BT.long()

    def token_units(self, starts_BU: Tensor) -> Tensor:
        """Its position: the lag counts pieces."""
        return positions(starts_BU)

    def units_written(self, starts_BU: Tensor) -> Tensor:
        """Pieces, and one more: an end of sentence stands before the language tag."""
        return positions(starts_BU) + 1

    def wait_mask(self, units_BT: Tensor, lengths_B: Tensor, written_BU: Tensor, lag: int) -> Tensor:
        """Boundaries up to clamp(k - 1 + i, 1, T) at position i, of which the upper end never binds."""
        return visible_units(units_BT, lengths_B, units_seen(written_BU, lag).clamp(min=2))

    def segment_number_loss(self, probabilities_BT: Tensor, lengths_B: Tensor, words_B: Tensor) -> Tensor:
        """Norms over the batch."""
        return segment_number_norms(probabilities_BT, lengths_B, words_B)
