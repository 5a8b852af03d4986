"""Discard: an auxiliary gradient that opposes the primary one is thrown away (arXiv 2409.15911, Table I)."""

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict.rules.rule import Rule, Stateless


def discard(gramian_NTT: Tensor) -> Tensor:
    """g_a <- 0 where <g_0, g_a> < 0."""
    kept_NT = gramian_NTT[:, 0].lt(0).logical_not().to(gramian_NTT)  # nan is kept, for the loss scaler to see
    kept_NT[:, 0] = 1
    return torch.diag_embed(kept_NT)


def make(seed: int) -> Rule:
    """The rule; it reads only <g_0, g_t>."""
    return Stateless(discard, whole_gramian=False)
