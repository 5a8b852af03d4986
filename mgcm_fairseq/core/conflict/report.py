"""What a backward pass found in every group: cosines, conflicts, and how much of each gradient a rule removed."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict.gramian import identity, ratio


class Report:
    """Stays on the device until its numbers are asked for. N groups, T tasks, A = T - 1 auxiliaries.

    Groups that fewer than two tasks reached are not in it. With gradients shared between workers by a rule that reads
    <g_0, g_t> alone, |g_a| is the root mean square of the workers' own norms.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        self.tasks = tuple(tasks)
        self.groups: list[int] = []
        self._gramians: list[Tensor] = []
        self._mixings: list[Tensor] = []
        self._own_squares: list[Tensor] = []

    def add(self, groups: Sequence[int], gramian_NTT: Tensor, mixing_NTT: Tensor,
            own_squares_NT: Tensor | None = None) -> None:
        """Appends groups, by index; without `own_squares_NT` they are on the Gramians' diagonals."""
        self.groups += groups
        self._gramians.append(gramian_NTT)
        self._mixings.append(mixing_NTT)
        self._own_squares.append(gramian_NTT.diagonal(dim1=1, dim2=2) if own_squares_NT is None else own_squares_NT)

    @property
    def own_squares(self) -> Tensor:
        """(N, T) |g_t|^2, in the order of `groups`: of this worker's own gradients, if its merger has `own_squares`."""
        return torch.cat(self._own_squares) if self._own_squares else torch.zeros(0, len(self.tasks))

    @property
    def gramian(self) -> Tensor:
        """(N, T, T), in the order of `groups`."""
        return torch.cat(self._gramians) if self._gramians else torch.zeros(0, len(self.tasks), len(self.tasks))

    @property
    def mixing(self) -> Tensor:
        """(N, T, T), in the order of `groups`."""
        return torch.cat(self._mixings) if self._mixings else torch.zeros(0, len(self.tasks), len(self.tasks))

    def present(self) -> Tensor:
        """(N, A) True where both the primary task and the auxiliary have a gradient other than zero."""
        norms_NT = self.gramian.diagonal(dim1=1, dim2=2)
        return (norms_NT[:, :1] > 0) & (norms_NT[:, 1:] > 0)

    def cosine(self) -> Tensor:
        """(N, A) CosSim(g_0, g_a) (arXiv 2409.15911, Eq. 3); 0 where one is absent."""
        gramian_NTT = self.gramian
        norms_NT = gramian_NTT.diagonal(dim1=1, dim2=2).sqrt()
        return ratio(ratio(gramian_NTT[:, 0, 1:], norms_NT[:, :1]), norms_NT[:, 1:])

    def conflict(self) -> Tensor:
        """(N, A) True where <g_0, g_a> < 0."""
        return self.gramian[:, 0, 1:] < 0

    def removed(self) -> Tensor:
        """(N, A) |g_a' - g_a| / |g_a|, the fraction that the rule changed; 0 where g_a is absent."""
        gramian_NTT = self.gramian
        change_NTT = self.mixing - identity(gramian_NTT)
        square_NT = torch.einsum("nts,nsu,ntu->nt", change_NTT, gramian_NTT, change_NTT).clamp(min=0)
        return ratio(square_NT.sqrt(), gramian_NTT.diagonal(dim1=1, dim2=2).sqrt())[:, 1:]
