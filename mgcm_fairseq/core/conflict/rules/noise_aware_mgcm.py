"""Noise-aware MGCM: projects where the tasks' expected gradients oppose each other, not where a batch's happen to."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from mgcm_fairseq.core.conflict.gramian import identity
from mgcm_fairseq.core.conflict.halves import of_whole_batch
from mgcm_fairseq.core.conflict.noise_floor import RunningProducts


class NoiseAwareMGCM:
    """MGCM (arXiv 2409.15911, Eq. 4) with what is known of expectations in place of one batch's products.

    Where the test of core.conflict.noise_floor finds a conflict: g_a <- g_a - c g_0, with c = E y_a / E |u_0|^2 < 0.
    Then E g_a' is orthogonal to E g_0 (of gradients in lengths of g_0), and c does not depend on this batch.

    MGCM's own coefficient, <g_0, g_a> / |g_0|^2 of the batch where it is negative, is another matter where gradients are
    mostly noise: |g_0|^2 is then noise, too, so that it takes the share |E g_0|^2 / E |g_0|^2 of a true conflict, and
    taking what is negative alone adds as much of g_0 as the noise is wide, conflict or not.
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
