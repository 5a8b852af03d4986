"""Which FFNs a plan splits, by captured gradients: repaired, and as the published analysis would."""

from collections.abc import Sequence

import torch

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
    p_value,
    permuted,
    private_units,
    share_ratio,
    similarities,
    true_cosines,
    unit_similarities,
)
from mgcm_fairseq.core.sharing.grouping import silhouette
from mgcm_fairseq.core.sharing.released import similarity_with_self, stepped_ratio, two_groups

VARIANTS = ("repaired", "released")
_DRAWS = 200
_DECIMALS = 6


def repaired(captured: Captured, fits: Sequence[Fit], most: int) -> tuple[GroupedLayer, ...]:
    """The FFNs whose groups differ more than chance allows, at most so many: those with the largest scores.

    Args:
        fits: of the FFNs.
    """
    differing = [index for index, fit in enumerate(fits) if fit.differs and fit.score == fit.score]
    chosen = sorted(differing, key=lambda index: fits[index].score, reverse=True)[:most]
    return tuple(_layer(captured, index, fits[index].groups, share_ratio(fits[index].score),
                        PlanStats(fits[index].delta, fits[index].p, fits[index].silhouette, fits[index].stable))
                 for index in sorted(chosen))


def released(captured: Captured, seed: int, most: int) -> tuple[GroupedLayer, ...]:
    """The FFNs with the largest delta, significant or not, always in two groups: see `core.sharing.released`.

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
        found_LL = distances(true_cosines(similarities(ffn_FBB[index][None], languages)[0]))
        spread = silhouette(found_LL.nan_to_num(1.0).tolist(), groups)
        stats = PlanStats(delta[index], p_value(ffn_FBB[index], groups, permuted_PBL), spread,
                          float(agreement(ffn_FBB[index], groups, drawn_PBL).min()))
        layers.append(_layer(captured, index, groups, stepped_ratio(means[index]), stats))
    return tuple(layers)


def _layer(captured: Captured, ffn: int, groups: Partition, ratio: float, stats: PlanStats) -> GroupedLayer:
    """Private are units by the odd batches, which had no say in the groups."""
    odd = captured.of_ffns.size(1) // len(captured.languages) // 2
    units_HLL = unit_similarities(captured.dots[ffn], captured.own[ffn], odd)
    members = {f"g{number}": tuple(captured.languages[language] for language in group)
               for number, group in enumerate(groups)}
    return GroupedLayer(captured.ffns[ffn], members, private_units(units_HLL, groups, ratio),
                        PlanStats(*(round(value, _DECIMALS) for value in (stats.delta, stats.p, stats.silhouette,
                                                                          stats.stable))))
