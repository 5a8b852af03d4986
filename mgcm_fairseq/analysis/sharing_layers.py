"""Which FFNs a plan splits, by captured gradients: repaired, as the published analysis would, and for given groups."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mgcm_fairseq.analysis.sharing_capture import Captured
from mgcm_fairseq.core.sharing import (
    Fit,
    GroupedLayer,
    Partition,
    PlanStats,
    agreement,
    bootstrap,
    cosines,
    deltas,
    distances,
    halves,
    of_groups,
    p_value,
    permuted,
    private_count,
    private_units,
    scores,
    share_ratio,
    similarities,
    true_cosines,
    unit_similarities,
)
from mgcm_fairseq.core.sharing.grouping import silhouette
from mgcm_fairseq.core.sharing.published import similarity_with_self, stepped_ratio, two_groups

VARIANTS = ("repaired", "published")
_DRAWS = 200
_DECIMALS = 6


def repaired(captured: Captured, fits: Sequence[Fit], most: int) -> tuple[GroupedLayer, ...]:
    """The FFNs whose groups differ more than chance allows, at most so many: those with the largest scores.

    Args:
        fits: of the FFNs.
    """
    differing = [index for index, fit in enumerate(fits) if fit.differs and fit.score == fit.score]
    chosen = sorted(differing, key=lambda index: fits[index].score, reverse=True)[:most]
    return tuple(_layer(captured, index, fits[index].groups, _count(captured, index, share_ratio(fits[index].score)),
                        PlanStats(fits[index].delta, fits[index].p, fits[index].silhouette, fits[index].stable))
                 for index in sorted(chosen))


def given(captured: Captured, groups: Partition, seed: int, most: int,
          like: Mapping[str, int]) -> tuple[GroupedLayer, ...]:
    """FFNs in groups that no batch had a say in, significant or not: to compare with those that were found.

    Statistics are of the odd batches, as those of `repaired`.

    Args:
        groups: of languages, two at least.
        most: FFNs with the largest score of these groups are split.
        like: FFN -> its private hidden units, of another plan: these FFNs in place of those; empty for none.
    Raises:
        ValueError: `groups` have no signal by which a share could be told, and `like` is empty.
    """
    languages = len(captured.languages)
    odd_FBB = cosines(halves(captured.of_ffns, languages)[1])
    similarity_FGG = of_groups(similarities(odd_FBB, languages), groups)
    score_F = scores(similarity_FGG).tolist()
    generator = torch.Generator().manual_seed(seed)
    permuted_PBL = permuted(languages, odd_FBB.size(1), _DRAWS, generator)
    drawn_PBL = bootstrap(languages, odd_FBB.size(1), _DRAWS, generator)
    largest = sorted(range(len(score_F)), key=lambda ffn: -math.inf if math.isnan(score_F[ffn]) else score_F[ffn],
                     reverse=True)[:most]
    layers = []
    for index in sorted(map(captured.ffns.index, like) if like else largest):
        count = like[captured.ffns[index]] if like else _count(captured, index, share_ratio(score_F[index]))
        stats = PlanStats(float(deltas(similarity_FGG[index]).mean()), p_value(odd_FBB[index], groups, permuted_PBL),
                          _silhouette(odd_FBB[index], languages, groups),
                          float(agreement(odd_FBB[index], groups, drawn_PBL).min()))
        layers.append(_layer(captured, index, groups, count, stats))
    return tuple(layers)


def published(captured: Captured, seed: int, most: int) -> tuple[GroupedLayer, ...]:
    """The FFNs with the largest delta, significant or not, always in two groups: see `core.sharing.published`.

    Their statistics are of all batches, those that the groups were made of among them. The published code does not look
    for the layer; taking the largest delta is what its paper of eight languages describes.
    """
    languages = len(captured.languages)
    ffn_FBB = cosines(captured.of_ffns)
    means = [similarity_with_self(cosines_BB, languages) for cosines_BB in ffn_FBB]
    delta = [float(deltas(means_LL).mean()) for means_LL in means]
    generator = torch.Generator().manual_seed(seed)
    permuted_PBL = permuted(languages, ffn_FBB.size(1), _DRAWS, generator)
    drawn_PBL = bootstrap(languages, ffn_FBB.size(1), _DRAWS, generator)
    layers = []
    for index in sorted(sorted(range(len(means)), key=lambda one: delta[one], reverse=True)[:most]):
        groups = two_groups(means[index])
        stats = PlanStats(delta[index], p_value(ffn_FBB[index], groups, permuted_PBL),
                          _silhouette(ffn_FBB[index], languages, groups),
                          float(agreement(ffn_FBB[index], groups, drawn_PBL).min()))
        layers.append(_layer(captured, index, groups, _count(captured, index, stepped_ratio(means[index])), stats))
    return tuple(layers)


def _silhouette(cosines_BB: Tensor, languages: int, groups: Partition) -> float:
    """Of these groups; languages whose cosine is not known are as far apart as unrelated ones."""
    distance_LL = distances(true_cosines(similarities(cosines_BB[None], languages)[0]))
    return silhouette(distance_LL.nan_to_num(1.0).tolist(), groups)


def _count(captured: Captured, ffn: int, ratio: float) -> int:
    return private_count(captured.dots[ffn].size(0), ratio)


def _layer(captured: Captured, ffn: int, groups: Partition, count: int, stats: PlanStats) -> GroupedLayer:
    """So many units are private, by the odd batches, which had no say in the groups."""
    odd = captured.of_ffns.size(1) // len(captured.languages) // 2
    units_HLL = unit_similarities(captured.dots[ffn], captured.own[ffn], odd)
    members = {f"g{number}": tuple(captured.languages[language] for language in group)
               for number, group in enumerate(groups)}
    return GroupedLayer(captured.ffns[ffn], members, private_units(units_HLL, groups, count),
                        PlanStats(*(round(value, _DECIMALS) for value in (stats.delta, stats.p, stats.silhouette,
                                                                          stats.stable))))
