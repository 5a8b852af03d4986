"""The segmenter's own losses: as many segments as words (L_num), and segments that mean their words (L_ctr)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fairseq.logging import metrics
from torch import Tensor

from mgcm_fairseq.core.segmentation import (
    contrastive_losses,
    expected_segment_map,
    pool_segments,
    pool_words,
    probabilities,
    word_ids,
)
from mgcm_fairseq.modules.simul_st import Segmented


@dataclass(frozen=True)
class SegmentationLosses:
    """Weights, and updates before each sets in."""

    number_weight: float
    number_from: int
    contrastive_weight: float
    contrastive_from: int

    def __call__(self, segmented: Segmented, logging: dict[str, Any]) -> dict[str, Tensor]:
        """The losses that are on, summed over sentences; also logs how many segments there are."""
        words_B = segmented.word_starts.sum(1)
        logging["segments"] = (segmented.boundaries.sum(1) + 1).sum()
        logging["segment_words"] = words_B.sum()
        losses = {}
        if self.number_weight > 0 and segmented.update >= self.number_from:
            p_BT = probabilities(segmented.logits, segmented.frames)
            number = segmented.variant.segment_number_loss(p_BT, segmented.frames, words_B)
            losses["segment_number"] = self.number_weight * number
        if self.contrastive_weight > 0 and segmented.update >= self.contrastive_from:
            losses["contrastive"] = self.contrastive_weight * _contrastive(segmented, words_B)
        for name, loss in losses.items():
            logging[f"{name}_loss"] = loss.detach()
        return losses

    @staticmethod
    def reduce_metrics(total: Callable[[str], Any]) -> None:
        """Segments for each word, in percent, and the losses per word."""
        words = total("segment_words")
        if words > 0:
            metrics.log_scalar("segments", 100.0 * total("segments") / words, words, round=1)
            for name in ("segment_number", "contrastive"):
                metrics.log_scalar(name, total(f"{name}_loss") / words, words, round=3)


def _contrastive(segmented: Segmented, words_B: Tensor) -> Tensor:
    """L_ctr between the means of each segment's speech and of each word's pieces."""
    most = segmented.word_starts.size(1)
    map_BKT = expected_segment_map(segmented.logits, segmented.frames, words_B, most)
    words_BKD = pool_words(segmented.text, word_ids(segmented.word_starts), segmented.text_lengths, most)
    return contrastive_losses(pool_segments(map_BKT, segmented.speech), words_BKD, words_B).sum()
