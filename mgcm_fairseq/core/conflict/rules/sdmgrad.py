"""SDMGrad: MoDo's weights, with a pull towards the plain mean's direction (Xiao et al. 2023, arXiv 2305.18409).

w <- P(w - gamma G_1^T (G_2 w + lambda g_0)), direction (G w + lambda g_0) / (1 + lambda), g_0 the tasks' mean.
One step of w a pass, since a pass has one pair of samples; the authors' code takes 20 with the same sample.
"""

from mgcm_fairseq.core.conflict.rules.rule import Rule
from mgcm_fairseq.core.conflict.rules.simplex_weights import SimplexWeights

PULL = 0.3
"""lambda: that of the authors' experiments."""


def make(seed: int) -> Rule:
    """The rule; it draws nothing."""
    return SimplexWeights(PULL)
