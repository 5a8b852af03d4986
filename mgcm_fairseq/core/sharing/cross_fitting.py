"""Partition from even batches, judged on odd ones: a split that noise liked is not tested on that noise."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mgcm_fairseq.core.sharing.grouping import distances, grouped
from mgcm_fairseq.core.sharing.significance import RATE, adjusted, p_value, permutations_needed, permuted
from mgcm_fairseq.core.sharing.similarity import (
    FEWEST,
    Partition,
    as_drawn,
    cosines,
    deltas,
    known,
    of_groups,
    scores,
    similarity,
    true_cosines,
)
from mgcm_fairseq.core.sharing.stability import agreement, bootstrap, settled


@dataclass(frozen=True)
class Fit:
    """What the batches say about one part of the network.

    Attributes:
        groups: of languages, from even batches; one group where there is nothing to test.
        unknown: languages without a signal above its error in the even batches, which keep a part from being split.
        silhouette: of the partition that the even batches speak for, before unstable pairs were merged.
        stable: the smallest agreement of the bootstrap on a pair of languages; 1 where no partition was proposed.
        delta: the groups' mean delta on odd batches; nan for one group, and so below.
        p: of that delta, by permutation of the odd batches' labels.
        q: p under control of false discoveries over all parts that were tested.
        score: mean delta / mean S of the groups on odd batches; nan also where S is not above 0.
    """

    groups: Partition
    unknown: tuple[int, ...]
    silhouette: float
    stable: float
    delta: float
    p: float
    q: float
    score: float

    @property
    def differs(self) -> bool:
        """Whether the part is one to be split."""
        return self.q <= RATE


def halves(gramian_NBB: Tensor, languages: int) -> tuple[Tensor, Tensor]:
    """(N, B/2, B/2) twice: of each language's batches 0, 2, 4 ... and 1, 3, 5 ...

    Of an odd number of batches the last is left out. Raises ValueError if the languages do not have equally many
    batches, at least `FEWEST` for either half.
    """
    batches = gramian_NBB.size(1)
    each = batches // max(languages, 1)
    if languages < 2 or batches % languages or each // 2 < FEWEST:
        raise ValueError(f"batches of languages: expected at least 2 languages and {2 * FEWEST} batches of each, "
                         f"equally many, for two halves, found {languages} languages and {batches} batches. Capture "
                         "more batches.")
    index_LK = torch.arange(languages * each).view(languages, each)[:, :each // 2 * 2]
    even_B, odd_B = index_LK[:, ::2].flatten(), index_LK[:, 1::2].flatten()
    return gramian_NBB[:, even_B][:, :, even_B], gramian_NBB[:, odd_B][:, :, odd_B]


def cross_fit(gramian_NBB: Tensor, languages: int, seed: int, draws: int = 200) -> list[Fit]:
    """What the batches say about each of N parts.

    Only parts for which even batches propose groups are tested: odd batches had no say in which, so that control of
    false discoveries over the tested ones holds. Two groups of two languages, planted in 2,048 dimensions with C = 0.67
    between them, are always found at S_aa = 1/17 from 32 batches; at 1/65 in half of the cases, and always from 64.

    Args:
        gramian_NBB: of the batches' gradients, those of the first language first.
        seed: of permutations and bootstrap, which are the same for all parts.
        draws: of the bootstrap.
    """
    even_NBB, odd_NBB = map(cosines, halves(gramian_NBB, languages))
    generator = torch.Generator().manual_seed(seed)
    drawn_PBL = bootstrap(languages, even_NBB.size(1), draws, generator)
    proposed = [_propose(even_BB, languages, drawn_PBL) for even_BB in even_NBB]
    tested = sum(len(groups) > 1 for groups, *_ in proposed)
    permuted_PBL = permuted(languages, odd_NBB.size(1), permutations_needed(tested), generator)
    judged = [_judge(odd_BB, groups, permuted_PBL) for odd_BB, (groups, *_) in zip(odd_NBB, proposed, strict=True)]
    q_N = adjusted(torch.tensor([p for _, p, _ in judged], dtype=torch.float64)).tolist()
    return [Fit(groups, unknown, silhouette, stable, delta, p, q, score)
            for (groups, unknown, silhouette, stable), (delta, p, score), q in zip(proposed, judged, q_N, strict=True)]


def _propose(even_BB: Tensor, languages: int, drawn_PBL: Tensor) -> tuple[Partition, tuple[int, ...], float, float]:
    unknown = tuple((~known(even_BB[None], languages)[0]).nonzero().flatten().tolist())
    everybody = (tuple(range(languages)),)
    if unknown:
        return everybody, unknown, math.nan, 1.0
    found = grouped(distances(true_cosines(similarity(even_BB, as_drawn(languages, len(even_BB)))[0])))
    if len(found.groups) == 1:
        return everybody, unknown, found.silhouette, 1.0
    agreement_LL = agreement(even_BB, found.groups, drawn_PBL)
    return settled(found.groups, agreement_LL), unknown, found.silhouette, float(agreement_LL.min())


def _judge(odd_BB: Tensor, groups: Partition, permuted_PBL: Tensor) -> tuple[float, float, float]:
    if len(groups) == 1:
        return math.nan, math.nan, math.nan
    batches, languages = permuted_PBL.shape[1:]
    similarity_GG = of_groups(similarity(odd_BB, as_drawn(languages, batches))[0], groups)
    return float(deltas(similarity_GG).mean()), p_value(odd_BB, groups, permuted_PBL), float(scores(similarity_GG))
