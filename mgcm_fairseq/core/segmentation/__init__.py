"""Differentiable segmentation of speech, repaired and as published (DiSeg, arXiv 2305.16093)."""

from mgcm_fairseq.core.segmentation.boundaries import (
    Decisions,
    decide_frames,
    decide_streaks,
    noisy_logits,
    probabilities,
)
from mgcm_fairseq.core.segmentation.expected_waiting import expected_waiting
from mgcm_fairseq.core.segmentation.lags import sampled_lag
from mgcm_fairseq.core.segmentation.longest import forced_boundaries, with_forced
from mgcm_fairseq.core.segmentation.losses import contrastive_losses, segment_number_losses, segment_number_norms
from mgcm_fairseq.core.segmentation.padding import LOG_ZERO
from mgcm_fairseq.core.segmentation.pooling import pool_segments, pool_words, word_ids
from mgcm_fairseq.core.segmentation.segments import expected_segment_map, segment_ids, segment_starts
from mgcm_fairseq.core.segmentation.streaks import start_logits
from mgcm_fairseq.core.segmentation.variants import VARIANTS, Variant
from mgcm_fairseq.core.segmentation.visibility import (
    expected_visibility,
    hard_visibility,
    segments_up_to,
    within_history,
)
from mgcm_fairseq.core.segmentation.waiting import positions, units_seen, visible_units, words_begun

__all__ = ["LOG_ZERO", "VARIANTS", "Decisions", "Variant", "contrastive_losses", "decide_frames", "decide_streaks",
           "expected_segment_map",
           "expected_visibility", "expected_waiting", "forced_boundaries", "hard_visibility",
           "noisy_logits", "pool_segments", "pool_words", "positions", "probabilities", "sampled_lag",
           "segment_ids", "segment_number_losses", "segment_number_norms", "segment_starts",
           "segments_up_to", "start_logits", "units_seen", "visible_units", "with_forced", "within_history",
           "word_ids", "words_begun"]
