"""Noise-aware MGCM: projects where the tasks' expected gradients oppose each other, not where a batch's happen to."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from mgcm_fairseq.core.conflict.expected_conflict import RunningProducts
from mgcm_fairseq.core.conflict.gramian import identity
from mgcm_fairseq.core.conflict.halves import of_whole_batch


class NoiseAwareMGCM:
    """MGCM (arXiv 2409.15911, Eq. 4) with what is known of expectations in place of one batch's products.

    Where core.conflict.expected_conflict finds a conflict: g_a <- g_a - c g_0, with c = E y_a / E |u_0|^2 < 0.
    Then E g_a' is orthogonal to E g_0 (of gradients in lengths of g_0), and c does not depend on this batch.

    MGCM's own coefficient is <g_0, g_a> / |g_0|^2 of the batch, where that is negative. It fits where gradients are
    mostly signal. Where they are mostly noise, |g_0|^2 is noise, too, and of a true conflict the share
    |E g_0|^2 / E |g_0|^2 alone is taken; and since only what is negative is taken, the noise of <g_0, g_a> adds to it,
    conflict or not.
    """

    whole_gramian = False
    halves = True
    stateful = True

    def __init__(self, seed: int = 0) -> None:
        self.products = RunningProducts()

    def __call__(self, gramian_NSS: Tensor, groups: Sequence[str], step: int) -> Tensor:
        """(N, T, T) by what the passes before this one have shown; this one is then added."""
        mixing_NTT = identity(of_whole_batch(gramian_NSS))
        mixing_NTT[:, 1:, 0] -= self.products.of(groups, gramian_NSS).opposing_part().to(mixing_NTT)
        self.products.add(groups, gramian_NSS)
        return mixing_NTT

    def state_dict(self, tasks: Sequence[str]) -> dict[str, Any]:
        """The running sums of each group."""
        return self.products.state_dict(tasks)

    def load_state_dict(self, state: dict[str, Any], tasks: Sequence[str]) -> None:
        """Takes up what `state_dict` returned, by the names of groups and tasks."""
        self.products.load_state_dict(state, tasks)
