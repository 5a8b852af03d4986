"""What the whole gradient hides: modules in conflict while the tasks' whole gradients agree (arXiv 2409.15911, Fig. 1).

N groups, A auxiliary tasks, T tasks.
"""

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict import Report
from mgcm_fairseq.core.conflict.gramian import ratio

MASKING = ("passes", "conflicts", "cosines", "hidden_from", "hidden")
"""Sums over passes in which both whole gradients are known: their number, those in which the whole gradients oppose
each other, their cosines; and over the others of these passes, the groups with both gradients, and those in conflict.
"""


def masking(report: Report) -> Tensor:
    """(A, MASKING) of one pass. The whole gradient is that of all groups which two tasks reach."""
    gramian_NTT = report.gramian.float()
    whole_TT = gramian_NTT.sum(0)
    norms_T = whole_TT.diagonal().sqrt()
    cosine_A = ratio(ratio(whole_TT[0, 1:], norms_T[0]), norms_T[1:])
    known_A = (norms_T[0] > 0) & (norms_T[1:] > 0) & cosine_A.isfinite()
    oppose_A = known_A & (cosine_A < 0)
    agree_A = known_A & ~oppose_A
    present_NA = report.present() & gramian_NTT[:, 0, 1:].isfinite()
    hidden_A = (present_NA & report.conflict()).sum(0)
    return torch.stack([known_A.float(), oppose_A.float(), cosine_A.where(known_A, 0.0),
                        present_NA.sum(0).where(agree_A, 0).float(), hidden_A.where(agree_A, 0).float()], dim=1)
