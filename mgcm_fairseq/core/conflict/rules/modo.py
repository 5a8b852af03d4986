"""MoDo: weights on the simplex from two independent samples (Chen et al. 2023, arXiv 2305.20057).

lambda <- P(lambda - gamma G_1^T G_2 lambda), G_1 and G_2 of the batch's halves, in both orders.
"""

from mgcm_fairseq.core.conflict.rules.rule import Rule
from mgcm_fairseq.core.conflict.rules.simplex_weights import SimplexWeights


def make(seed: int) -> Rule:
    """The rule; it draws nothing."""
    return SimplexWeights(pull=0.0)
