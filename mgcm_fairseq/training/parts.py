"""The parts of the network, and the cosine of the whole gradient of each. N groups, A auxiliary tasks, P parts."""

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict import Groups, Report
from mgcm_fairseq.core.conflict.gramian import ratio
from mgcm_fairseq.training.indices import Indices
from mgcm_fairseq.training.part_names import PARTS


class Parts:
    """Which groups lie in which part; none where the whole model is one group."""

    def __init__(self, groups: Groups) -> None:
        beginnings = [] if groups.granularity == "model" else list(enumerate(PARTS.values()))
        self._of_groups = [next((part for part, beginning in beginnings if place.layer.startswith(beginning)),
                                len(PARTS)) for place in groups.places]
        self._indices = Indices()

    def cosines(self, report: Report) -> Tensor:
        """(P, A, 2) for a pass: 1 and the cosine with the primary task's gradient where both tasks have one, else 0."""
        gramian_NTT = report.gramian.float()
        squares_NT = gramian_NTT.diagonal(dim1=1, dim2=2)
        dots_NA = gramian_NTT[:, 0, 1:]
        dots_NA3 = torch.stack([dots_NA, squares_NT[:, :1].expand_as(dots_NA), squares_NT[:, 1:]], dim=2)
        parts_N = self._indices.of([self._of_groups[group] for group in report.groups], dots_NA3.device)
        sums_PA3 = dots_NA3.new_zeros(len(PARTS) + 1, *dots_NA3.shape[1:]).index_add_(0, parts_N, dots_NA3)[:-1]
        primary_PA, auxiliary_PA = sums_PA3[..., 1].sqrt(), sums_PA3[..., 2].sqrt()
        cosine_PA = ratio(ratio(sums_PA3[..., 0], primary_PA), auxiliary_PA)
        known_PA = (primary_PA > 0) & (auxiliary_PA > 0) & cosine_PA.isfinite()
        return torch.stack([known_PA.float(), cosine_PA.where(known_PA, 0.0)], dim=2)
