"""Weights of tasks in the sum of their losses: what each weighting makes of losses or of norms of gradients."""

from mgcm_fairseq.core.task_weights.adam import Adam
from mgcm_fairseq.core.task_weights.dwa import DynamicAverage
from mgcm_fairseq.core.task_weights.famo import Famo
from mgcm_fairseq.core.task_weights.norm import NormWeights, accumulated_squares, norm_ratio
from mgcm_fairseq.core.task_weights.random import RandomWeights
from mgcm_fairseq.core.task_weights.uncertainty import Uncertainty
from mgcm_fairseq.core.task_weights.weighting import LossWeighting, Settled

__all__ = ["Adam", "DynamicAverage", "Famo", "LossWeighting", "NormWeights", "RandomWeights", "Settled",
           "Uncertainty", "accumulated_squares", "norm_ratio"]
