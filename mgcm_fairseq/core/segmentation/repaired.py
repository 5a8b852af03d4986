"""The repaired variant: a streak of boundaries counts once, the lag counts words, each sentence has its own L_num."""

from torch import Tensor

from mgcm_fairseq.core.segmentation.boundaries import Decisions, decide_streaks
from mgcm_fairseq.core.segmentation.losses import segment_number_losses
from mgcm_fairseq.core.segmentation.pooling import word_ids
from mgcm_fairseq.core.segmentation.segments import segment_ids
from mgcm_fairseq.core.segmentation.streaks import start_logits
from mgcm_fairseq.core.segmentation.waiting import units_seen, visible_units, words_begun


class Repaired:
    """A `Variant`."""

    name = "repaired"
    waits_in_expectation = True
    counts_over_the_batch = False

    def decide(self, logits_BT: Tensor, lengths_B: Tensor, before_B: Tensor | None = None) -> Decisions:
        """The first frame of each streak."""
        return decide_streaks(logits_BT, lengths_B, before_B)

    def counted(self, logits_BT: Tensor, lengths_B: Tensor) -> Tensor:
        """That a streak begins."""
        return start_logits(logits_BT, lengths_B)

    def frame_units(self, boundaries_BT: Tensor) -> Tensor:
        """Its segment."""
        return segment_ids(boundaries_BT)

    def token_units(self, starts_BU: Tensor) -> Tensor:
        """Its word; </s> is in the last one."""
        return word_ids(starts_BU).clamp(min=0)

    def units_written(self, starts_BU: Tensor) -> Tensor:
        """Words, or characters where words have no spaces between them: a segment stands for a word."""
        return words_begun(starts_BU)

    def wait_mask(self, units_BT: Tensor, lengths_B: Tensor, written_BU: Tensor, lag: int) -> Tensor:
        """The first lag + written units."""
        return visible_units(units_BT, lengths_B, units_seen(written_BU, lag))

    def segment_number_loss(self, probabilities_BT: Tensor, lengths_B: Tensor, words_B: Tensor) -> Tensor:
        """The sum over sentences. n words have n - 1 boundaries between them: the last frame, an end in any case, does
        not count.
        """
        return segment_number_losses(probabilities_BT, lengths_B - 1, words_B.clamp(min=1) - 1).sum()
