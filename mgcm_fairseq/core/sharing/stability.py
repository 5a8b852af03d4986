"""Whether other batches would have given the same groups: a bootstrap over batches."""

import torch
from torch import Tensor

from mgcm_fairseq.core.sharing.grouping import distances, grouped
from mgcm_fairseq.core.sharing.similarity import Partition, as_drawn, canonical, similarity, true_cosines

STABLE = 0.8
"""A pair of languages on which fewer draws agree with the partition is unstable."""


def bootstrap(languages: int, batches: int, draws: int, generator: torch.Generator) -> Tensor:
    """(P, B, L) counts as of `similarity`: each language draws as many of its batches as it has, with repetition."""
    own_BL = as_drawn(languages, batches)[0]
    each = batches // languages
    drawn_PLK = torch.randint(each, (draws, languages, each), generator=generator)
    times_PLK = torch.zeros(draws, languages, each, dtype=torch.float64)
    times_PLK.scatter_add_(2, drawn_PLK, torch.ones_like(times_PLK))
    return times_PLK.view(draws, batches, 1) * own_BL


def agreement(cosines_BB: Tensor, groups: Partition, drawn_PBL: Tensor) -> Tensor:
    """(L, L) the share of draws that put two languages together if `groups` does, and apart if it does not."""
    cosines_PLL = true_cosines(similarity(cosines_BB, drawn_PBL))
    found_PLL = torch.stack([_together(grouped(distance_LL).groups) for distance_LL in distances(cosines_PLL)])
    return (found_PLL == _together(groups)).double().mean(0)


def settled(groups: Partition, agreement_LL: Tensor) -> Partition:
    """The partition in which groups are merged that an unstable pair holds apart: a doubt is decided for sharing."""
    together_LL = _together(groups) | (agreement_LL < STABLE)
    for middle in range(len(together_LL)):  # who is together with one is so with all of its group
        together_LL = together_LL | (together_LL[:, middle, None] & together_LL[None, middle])
    return canonical(list({tuple(row.nonzero().flatten().tolist()) for row in together_LL}))


def _together(groups: Partition) -> Tensor:
    """(L, L) bool."""
    number_L = torch.empty(sum(map(len, groups)), dtype=torch.long)
    for number, group in enumerate(groups):
        number_L[list(group)] = number
    return number_L[:, None] == number_L
