"""Differentiable segmentation of speech, repaired and as published (DiSeg, arXiv 2305.16093)."""

from mgcm_fairseq.core.segmentation.boundaries import Decisions, decide, noisy_logits, probabilities
from mgcm_fairseq.core.segmentation.expected_waiting import expected_waiting
from mgcm_fairseq.core.segmentation.lags import sampled_lag
from mgcm_fairseq.core.segmentation.losses import contrastive_losses, segment_number_loss, segment_number_losses
from mgcm_fairseq.core.segmentation.padding import LOG_ZERO
from mgcm_fairseq.core.segmentation.pooling import pool_segments, pool_words, word_ids
from mgcm_fairseq.core.segmentation.runs import start_logits
from mgcm_fairseq.core.segmentation.segments import expected_segment_map, segment_ids
from mgcm_fairseq.core.segmentation.straight_through import straight_through, straight_through_bias
from mgcm_fairseq.core.segmentation.visibility import expected_visibility, hard_visibility, segments_up_to
from mgcm_fairseq.core.segmentation.waiting import (
    pieces_written,
    segment_units,
    token_units,
    wait_mask,
    wait_masks,
    words_begun,
)

__all__ = ["LOG_ZERO", "Decisions", "contrastive_losses", "decide", "expected_segment_map", "expected_visibility",
           "expected_waiting", "hard_visibility", "noisy_logits", "pieces_written", "pool_segments", "pool_words",
           "probabilities", "sampled_lag", "segment_ids", "segment_number_loss", "segment_number_losses",
           "segment_units", "segments_up_to", "start_logits", "straight_through", "straight_through_bias",
           "token_units", "wait_mask", "wait_masks", "word_ids", "words_begun"]
