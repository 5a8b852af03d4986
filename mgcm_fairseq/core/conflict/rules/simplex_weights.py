"""Weights of tasks on the simplex, for each group, moved by products across halves: what MoDo and SDMGrad share.

N groups, T tasks. The papers weigh the whole model's gradients, which is granularity model here; at any other each
group has weights of its own.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict.gramian import ratio
from mgcm_fairseq.core.conflict.halves import across_halves, of_whole_batch

STEP = 0.1
"""gamma: MoDo's. It multiplies products of gradients whose mean square is 1, so that no loss scale matters."""


class SimplexWeights:
    """w <- P(w - gamma A (w + pull w_0)), with A_st = <g_s of one half, g_t of the other> and w_0 the plain mean's.

    P is the projection on the simplex of the tasks that reach the group. This batch's gradients are summed with the
    weights of the passes before, which do not depend on them: it stands for the papers' third sample. They are
    multiplied by the number of tasks, so that equal weights give the plain sum.
    """

    whole_gramian = True
    halves = True
    stateful = True

    def __init__(self, pull: float) -> None:
        self.pull = pull
        self._weights: dict[str, Tensor] = {}  # group -> (T,)

    def __call__(self, gramian_NSS: Tensor, groups: Sequence[str], step: int) -> Tensor:
        """(N, T, T) diagonal mixing matrices; moves the weights. A pass that is not finite leaves them."""
        square_NT = of_whole_batch(gramian_NSS).diagonal(dim1=1, dim2=2)
        present_NT = square_NT.ne(0)
        count_N1 = present_NT.sum(1, keepdim=True)
        zero_T = square_NT.new_zeros(square_NT.size(1))
        before_NT = torch.stack([self._weights.get(group, zero_T).to(zero_T.device) for group in groups])
        weights_NT = onto_simplex(before_NT, present_NT)
        pulled_NT = weights_NT + self.pull * present_NT.to(square_NT) / count_N1
        halves_N2 = gramian_NSS.diagonal(dim1=1, dim2=2).reshape(len(groups), -1, 2).sum(1) / count_N1
        scale_N11 = halves_N2.sqrt().prod(1)[:, None, None]
        slope_NT = (ratio(across_halves(gramian_NSS), scale_N11) @ pulled_NT.unsqueeze(2)).squeeze(2)
        moved_NT = onto_simplex(weights_NT - STEP * slope_NT, present_NT)
        known_N1 = slope_NT.isfinite().all(1, keepdim=True)
        self._weights.update(zip(groups, torch.where(known_N1, moved_NT, before_NT).unbind(), strict=True))
        return torch.diag_embed(torch.where(present_NT, count_N1 * pulled_NT / (1 + self.pull), 1.0))

    def state_dict(self, tasks: Sequence[str]) -> dict[str, Any]:
        """The weights of each group, on the CPU, and the tasks that they are of."""
        return {"tasks": list(tasks), "weights": {group: of.cpu().clone() for group, of in self._weights.items()}}

    def load_state_dict(self, state: dict[str, Any], tasks: Sequence[str]) -> None:
        """Takes up what `state_dict` returned; of other tasks they begin anew, for a share means nothing without the
        others.
        """
        self._weights = dict(state["weights"]) if state["tasks"] == list(tasks) else {}


def onto_simplex(x_NT: Tensor, present_NT: Tensor) -> Tensor:
    """(N, T) the nearest weights from 0 on whose sum is 1, 0 where not present: x - theta where that is above 0."""
    top_N1 = x_NT.masked_fill(~present_NT, -torch.inf).amax(1, keepdim=True)
    x_NT = torch.where(present_NT, x_NT, top_N1 - 2)  # whoever is 1 below the largest has none
    sorted_NT = x_NT.sort(1, descending=True).values
    excess_NT = sorted_NT.cumsum(1) - 1
    ranks_T = torch.arange(1, x_NT.size(1) + 1, device=x_NT.device)
    theta_N1 = (excess_NT / ranks_T).where(sorted_NT * ranks_T > excess_NT, -torch.inf).amax(1, keepdim=True)
    return (x_NT - theta_N1).clamp(min=0)
