"""What captured gradients say of FFNs, of modules and of a layer's components: JSON, and a table of the FFNs."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mgcm_fairseq.analysis.sharing_capture import Captured
from mgcm_fairseq.core.sharing import (
    Fit,
    Partition,
    correlations,
    cosines,
    cross_fit,
    deltas,
    joint_directions,
    outside,
    p_of_pairs,
    purities,
    scores,
    similarities,
    true_cosines,
)
from mgcm_fairseq.core.sharing.published import energies, similarity_with_self, stepped_ratio, two_groups

DIRECTIONS = 4
"""Of each language, at most, in a CCA."""

_PERMUTATIONS = 200
_DECIMALS = 6
_COLUMNS = ("S_self", "S_cross", "C", "delta", "purity", "score")


def report(captured: Captured, fits: Sequence[Fit], seed: int) -> dict[str, Any]:
    """Every number that the gradients give; None stands for one that is not known.

    `ffns` are what a plan may split, each with `subspace`; `modules` are all modules of the network, and `components`
    the attention, FFN and norms of each layer. `fit` (see `Fit`) has the groups; its delta, p, q and score are of the
    odd batches. What stands beside it is of all batches, by language where it is a list.

    Args:
        fits: of the FFNs.
        seed: of permutations.
    """
    languages = captured.languages
    module_NBB, ffn_FBB = cosines(captured.gramians), cosines(captured.of_ffns)
    module_fits = cross_fit(captured.gramians, len(languages), seed)
    return {
        "ffns": {name: {**_described(cosines_BB, languages), "fit": _fit(fit, languages), "subspace":
                        _subspace(captured, index, cosines_BB, seed), "published": _published(cosines_BB, languages)}
                 for index, (name, cosines_BB, fit) in enumerate(zip(captured.ffns, ffn_FBB, fits, strict=True))},
        "modules": {name: {**_described(cosines_BB, languages), "fit": _fit(fit, languages)}
                    for name, cosines_BB, fit in zip(captured.modules, module_NBB, module_fits, strict=True)},
        "components": _components(captured),
    }


def table(found: dict[str, Any]) -> str:
    """A line for each FFN of a `report`."""
    rows = [["layer", *_COLUMNS, "p", "q", "stable", "groups"]]
    for name, one in found["ffns"].items():
        fit = one["fit"]
        means = [_mean(one[column]) for column in ("S_self", "S_cross", "C", "delta", "purity")]
        numbers = [*means, one["score"], fit["p"], fit["q"], fit["stable"]]
        rows.append([name, *("–" if value is None else f"{value:.3f}" for value in numbers), _groups(fit)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"
                   for row in rows)


def named(groups: Partition, languages: Sequence[str]) -> list[list[str]]:
    """The languages of each group."""
    return [[languages[language] for language in group] for group in groups]


def _described(cosines_BB: Tensor, languages: Sequence[str]) -> dict[str, Any]:
    """S_self, S_cross, C, delta and purity of each language, the score, and both matrices."""
    similarity_LL = similarities(cosines_BB[None], len(languages))[0]
    cosines_LL = true_cosines(similarity_LL)
    own_L = similarity_LL.diagonal()
    return {"S_self": _numbers(own_L), "S_cross": _numbers(own_L - deltas(similarity_LL)),
            "C": _numbers((cosines_LL.sum(1) - cosines_LL.diagonal()) / (len(languages) - 1)),
            "delta": _numbers(deltas(similarity_LL)), "purity": _numbers(purities(similarity_LL)),
            "score": _number(float(scores(similarity_LL))),
            "similarities": [_numbers(row_L) for row_L in similarity_LL],
            "cosines": [_numbers(row_L) for row_L in cosines_LL]}


def _fit(fit: Fit, languages: Sequence[str]) -> dict[str, Any]:
    numbers = {name: _number(getattr(fit, name)) for name in ("silhouette", "stable", "delta", "p", "q", "score")}
    return {"groups": named(fit.groups, languages), "unknown": [languages[one] for one in fit.unknown], **numbers,
            "differs": fit.differs}


def _published(cosines_BB: Tensor, languages: Sequence[str]) -> dict[str, Any]:
    """What the published analysis would say."""
    means_LL = similarity_with_self(cosines_BB, len(languages))
    groups = two_groups(means_LL)
    return {"groups": named(groups, languages), "delta": _number(float(deltas(means_LL).mean())),
            "share_ratio": stepped_ratio(means_LL),
            "energies": [_number(one) for one in energies(cosines_BB, len(languages), groups)]}


def _subspace(captured: Captured, ffn: int, cosines_BB: Tensor, seed: int) -> dict[str, Any]:
    """Joint singular values; what lies outside as many directions as there are languages; CCA of paired batches."""
    languages = captured.languages
    value_R, _ = joint_directions(cosines_BB, len(cosines_BB))
    each = len(cosines_BB) // len(languages)
    index_LK = torch.arange(len(cosines_BB)).view(len(languages), each)[:, :each // 2 * 2]
    even_B, odd_B = index_LK[:, ::2].flatten(), index_LK[:, 1::2].flatten()
    even_BB, odd_BB, cross_BB = (cosines_BB[rows_B][:, columns_B] for rows_B, columns_B in
                                 ((even_B, even_B), (odd_B, odd_B), (even_B, odd_B)))
    return {"singular_values": _numbers(value_R), "rank": len(languages),
            "outside": _numbers(outside(even_BB, odd_BB, cross_BB, len(languages), len(languages))),
            "pairs": _pairs(captured, ffn, seed)}


def _pairs(captured: Captured, ffn: int, seed: int) -> list[dict[str, Any]]:
    if captured.of_pairs is None:
        return []
    languages = captured.languages
    pairs_BB = cosines(captured.of_pairs[ffn][None])[0]
    each = len(pairs_BB) // len(languages)
    rank = min(DIRECTIONS, each // 4)
    own = [pairs_BB[start:start + each, start:start + each] for start in range(0, len(pairs_BB), each)]
    generator = torch.Generator().manual_seed(seed)
    return [{"languages": [languages[left], languages[right]],
             "correlations": _numbers(correlations(own[left], own[right], rank)),
             "p": _number(p_of_pairs(own[left], own[right], rank, _PERMUTATIONS, generator))}
            for right in range(len(languages)) for left in range(right)]


def _components(captured: Captured) -> list[dict[str, Any]]:
    """Of each layer, by the sums of its modules' Gramians: those of their gradients laid end to end."""
    members: dict[tuple[str, str], list[int]] = {}
    for module, place in enumerate(captured.places):
        members.setdefault(place, []).append(module)
    return [{"layer": layer, "component": component,
             **_described(cosines(captured.gramians[modules].sum(0)[None])[0], captured.languages)}
            for (layer, component), modules in members.items()]


def _groups(fit: dict[str, Any]) -> str:
    if fit["unknown"]:
        return f"unknown: {' '.join(fit['unknown'])}"
    return "all" if len(fit["groups"]) == 1 else " | ".join(" ".join(group) for group in fit["groups"])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def _numbers(values: Tensor) -> list[float | None]:
    return [_number(value) for value in values.tolist()]


def _number(value: float) -> float | None:
    return round(value, _DECIMALS) if math.isfinite(value) else None
