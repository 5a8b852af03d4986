"""PCD: what is nearest to the primary gradient and leaves all others some progress (arXiv 2606.29521, TMLR 2026)."""

from collections.abc import Sequence
from itertools import chain, combinations
from typing import Any

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict.gramian import identity, ratio

SHARE, DECAY = 0.02, 0.999
"""tau and beta, those of TorchJD's implementation."""

_CLOSE = 1e-9  # of the largest square: by how much a constraint may be missed through rounding
_ROUNDING = 1e-15  # of each product


class PCD:
    """Priority-Constrained Descent: min |d - g_0|^2 with <g_a, d> >= tau |g_a|^2 for every auxiliary a.

    All g are divided by the root of a bias-corrected running mean of their squares, and d is then given the length of
    g_0. The minimum is d = g_0 + sum_a mu_a g_a, mu >= 0, with mu_a = 0 unless the constraint of a is met exactly:
    all sets of auxiliaries are tried, as in the paper's Appendix B.2. Where no d meets all constraints, d = g_0.

    Departures: a group that the primary task does not reach gets the plain sum, so that it learns; no constant is added
    to the running mean, so that the loss scale does not matter.
    """

    whole_gramian = True
    halves = False
    stateful = True

    def __init__(self, seed: int = 0) -> None:
        self._means: dict[str, Tensor] = {}  # group -> (2, T) running sums of squares and of weights

    def __call__(self, gramian_NTT: Tensor, groups: Sequence[str], step: int) -> Tensor:
        """(N, T, T): task 0's gradient as it is times a factor, each auxiliary's times mu and that factor."""
        scale_NT = self._scales(gramian_NTT, groups)
        scaled_NTT = gramian_NTT * scale_NT.unsqueeze(1) * scale_NT.unsqueeze(2)
        weights_NT = nearest_to_first(scaled_NTT)
        length_N = torch.einsum("ns,nst,nt->n", weights_NT, scaled_NTT, weights_NT).clamp(min=0).sqrt()
        factor_N1 = ratio(gramian_NTT[:, 0, 0].sqrt(), length_N).unsqueeze(1)
        answer_NTT = torch.diag_embed(weights_NT * scale_NT * factor_N1)
        useless_N = gramian_NTT[:, 0, 0].eq(0) | gramian_NTT.isfinite().all(2).all(1).logical_not()
        return torch.where(useless_N.view(-1, 1, 1), identity(gramian_NTT), answer_NTT)

    def _scales(self, gramian_NTT: Tensor, groups: Sequence[str]) -> Tensor:
        """(N, T) one over the root of the running mean, this pass in it; 0 for a task that never had a gradient."""
        square_NT = gramian_NTT.diagonal(dim1=1, dim2=2)
        zero_2T = gramian_NTT.new_zeros(2, gramian_NTT.size(1))
        before_N2T = torch.stack([self._means.get(group, zero_2T).to(zero_2T.device) for group in groups])
        this_N2T = torch.stack([square_NT, torch.ones_like(square_NT)], dim=1)
        known_N1T = (square_NT.isfinite() & (square_NT > 0)).unsqueeze(1)
        sums_N2T = torch.where(known_N1T, DECAY * before_N2T + (1 - DECAY) * this_N2T, before_N2T)
        self._means.update(zip(groups, sums_N2T.unbind(), strict=True))
        return ratio(sums_N2T[:, 1], sums_N2T[:, 0]).sqrt()

    def state_dict(self, tasks: Sequence[str]) -> dict[str, Any]:
        """The running means of each group, on the CPU, and the tasks that they are of."""
        return {"tasks": list(tasks), "means": {group: sums.cpu().clone() for group, sums in self._means.items()}}

    def load_state_dict(self, state: dict[str, Any], tasks: Sequence[str]) -> None:
        """Takes up what `state_dict` returned, by name: those of new tasks begin anew."""
        both = [task for task in tasks if task in state["tasks"]]
        now, then = [tasks.index(task) for task in both], [state["tasks"].index(task) for task in both]
        self._means = {}
        for group, sums in state["means"].items():
            self._means[group] = sums.new_zeros(2, len(tasks))
            self._means[group][:, now] = sums[:, then]


def nearest_to_first(gramian_NTT: Tensor) -> Tensor:
    """(N, T) weights 1 and mu of the d nearest to g_0 with <g_a, d> >= tau |g_a|^2; mu = 0 where there is none."""
    auxiliaries = range(1, gramian_NTT.size(1))
    weights_NT = identity(gramian_NTT)[:, 0]
    wanted_NT = SHARE * gramian_NTT.diagonal(dim1=1, dim2=2)
    slack = _CLOSE * gramian_NTT.diagonal(dim1=1, dim2=2).amax(1, keepdim=True)
    found_N = torch.zeros_like(weights_NT[:, 0], dtype=torch.bool)
    answer_NT = weights_NT
    for bound in chain.from_iterable(combinations(auxiliaries, size) for size in range(len(auxiliaries) + 1)):
        tried_NT = weights_NT.clone()
        if bound:
            square_NKK = torch.stack([torch.stack([gramian_NTT[:, i, j] for j in bound], 1) for i in bound], 1)
            missing_NK1 = torch.stack([wanted_NT[:, i] - gramian_NTT[:, 0, i] for i in bound], 1).unsqueeze(2)
            solved_NK1 = torch.linalg.solve_ex(square_NKK, missing_NK1).result
            for auxiliary, multiplier_N in zip(bound, solved_NK1.squeeze(2).unbind(1), strict=True):
                tried_NT[:, auxiliary] = multiplier_N
        reached_NT = (gramian_NTT @ tried_NT.unsqueeze(2)).squeeze(2)
        rounding_NT = _ROUNDING * (gramian_NTT.abs() @ tried_NT.abs().unsqueeze(2)).squeeze(2)  # of dependent ones
        met_NT = (reached_NT - wanted_NT >= -slack) & (rounding_NT <= slack)
        met_N = met_NT[:, 1:].all(1) & (tried_NT >= 0).all(1)
        answer_NT = torch.where((met_N & ~found_N).unsqueeze(1), tried_NT, answer_NT)
        found_N = found_N | met_N
    return answer_NT
