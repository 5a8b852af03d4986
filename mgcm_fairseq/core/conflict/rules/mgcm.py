"""MGCM: auxiliary gradients lose what opposes the primary one (arXiv 2409.15911, Algorithm 1)."""

from torch import Tensor

from mgcm_fairseq.core.conflict.gramian import identity, ratio
from mgcm_fairseq.core.conflict.rules.rule import Rule, Stateless


def mgcm(gramian_NTT: Tensor) -> Tensor:
    """Where <g_0, g_a> < 0: g_a <- g_a - <g_0, g_a> / |g_0|^2 g_0 (Eq. 4), against the original g_0 for every a.

    Continuous where the sign flips and unchanged by a common loss scale; a missing g_0 leaves the plain sum.
    """
    mixing_NTT = identity(gramian_NTT)
    opposing_NA = gramian_NTT[:, 0, 1:].clamp(max=0)
    mixing_NTT[:, 1:, 0] -= ratio(opposing_NA, gramian_NTT[:, 0, :1])
    return mixing_NTT


def make(seed: int) -> Rule:
    """The rule; it reads only <g_0, g_t>."""
    return Stateless(mgcm, whole_gramian=False)
