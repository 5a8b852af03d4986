"""Sums over steps of what the reports say, kept on the device until they are fetched."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict import Groups, Report
from mgcm_fairseq.core.conflict.places import COMPONENTS
from mgcm_fairseq.training.indices import Indices
from mgcm_fairseq.training.masking import MASKING, masking
from mgcm_fairseq.training.part_names import PARTS
from mgcm_fairseq.training.parts import Parts

BINS = 40
"""Of the cosine histogram, from -1 to 1."""

QUANTITIES = ("present", "conflict", "cosine", "removed")


class Sums(NamedTuple):
    """Over some backward passes; N groups, A auxiliary tasks."""

    passes: int
    quantities: Tensor  # (N, A, 4) QUANTITIES: passes with both gradients, sums over those passes
    histogram: Tensor  # (components, A, BINS) passes by cosine
    parts: Tensor  # (PARTS, A, 2) passes with both gradients, sums of the cosine of the part's whole gradient
    masking: Tensor  # (A, MASKING)


class Telemetry:
    """Adds up reports. Groups that a non-finite gradient reached are left out of that pass."""

    def __init__(self, groups: Groups, tasks: tuple[str, ...]) -> None:
        self.groups = groups
        self.tasks = tasks
        self._component = [COMPONENTS.index(place.component) for place in groups.places]
        self._indices = Indices()
        self._parts = Parts(groups)
        self._sums: Sums | None = None

    def add(self, report: Report) -> None:
        """Adds one backward pass."""
        if not report.groups:
            return
        cosine_NA = report.cosine().float()
        present_NA = report.present() & cosine_NA.isfinite()
        removed_NA = report.removed().float()
        values_NAQ = torch.stack([torch.ones_like(cosine_NA), report.conflict().float(), cosine_NA, removed_NA], dim=2)
        values_NAQ = torch.where(present_NA.unsqueeze(2), values_NAQ, 0.0)
        sums = self._sums or self._zeros(cosine_NA.device)
        groups_N = self._indices.of(report.groups, cosine_NA.device)
        components_N = self._indices.of([self._component[group] for group in report.groups], cosine_NA.device)
        sums.quantities.index_add_(0, groups_N, values_NAQ)
        bins_NA = ((cosine_NA.nan_to_num() + 1) / 2 * BINS).long().clamp(0, BINS - 1)
        auxiliaries = cosine_NA.size(1)
        cells_NA = (components_N.unsqueeze(1) * auxiliaries + torch.arange(auxiliaries, device=bins_NA.device)) * BINS
        sums.histogram.view(-1).index_add_(0, (cells_NA + bins_NA).flatten(), present_NA.float().flatten())
        sums.parts.add_(self._parts.cosines(report))
        sums.masking.add_(masking(report))
        self._sums = sums._replace(passes=sums.passes + 1)

    def fetch(self) -> Sums | None:
        """The sums since the last call, on the CPU; None if there was no pass."""
        sums, self._sums = self.so_far(), None
        return sums

    def so_far(self) -> Sums | None:
        """What `fetch` would answer now; the sums go on."""
        sums = self._sums
        return sums and Sums(sums.passes, *(part.cpu() for part in sums[1:]))

    def _zeros(self, device: torch.device) -> Sums:
        auxiliaries = len(self.tasks) - 1
        return Sums(0, torch.zeros(len(self.groups.names), auxiliaries, len(QUANTITIES), device=device),
                    torch.zeros(len(COMPONENTS), auxiliaries, BINS, device=device),
                    torch.zeros(len(PARTS), auxiliaries, 2, device=device),
                    torch.zeros(auxiliaries, len(MASKING), device=device))


def summarise(quantities_NAQ: Tensor, members: list[int]) -> list[dict[str, Any]]:
    """For each auxiliary, over the groups given: the conflict rate, mean cosine and mean removed fraction."""
    found = []
    for present, conflict, cosine, removed in quantities_NAQ[members].sum(0).tolist():
        if present:
            found.append({"conflict": conflict / present, "cosine": cosine / present, "removed": removed / present,
                          "weight": present})
        else:
            found.append({})
    return found
