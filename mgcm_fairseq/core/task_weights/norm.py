"""Task-norm weights: an auxiliary task loses weight as its gradients grow shorter than the primary task's (IMTL).

Zhang et al., EMNLP 2023 (arXiv 2311.03810), its published code repaired. N groups, T tasks, the primary one first.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

CHANGES = {"asr": (3, 1.0), "mt": (5, 0.5)}
"""Task -> how often its weight changes, and the exponent of the first change; that of the c-th is c times as large."""


def norm_ratio(squares_NT: Tensor, task: int, parts: Sequence[Sequence[int]]) -> float:
    """max over parts P of n_task(P) / n_0(P), where n_t(P) is the mean over P's groups of |g_t|; nan where unknown.

    Args:
        squares_NT: mean of |g_t|^2 over an interval, on the CPU; nan where a task had no gradient.
        task: an auxiliary task.
        parts: for each, its groups; those count for which both tasks are known.
    """
    ratios = []
    for groups in parts:
        pairs_N2 = squares_NT[list(groups)][:, [0, task]].sqrt()
        pairs_N2 = pairs_N2[pairs_N2.isfinite().all(1)]
        primary, auxiliary = pairs_N2.mean(0).tolist() if len(pairs_N2) else (math.nan, math.nan)
        if primary > 0:
            ratios.append(auxiliary / primary)
    return max(ratios, default=math.nan)


def accumulated_squares(gramian_NTT: Tensor, order: Sequence[int]) -> Tensor:
    """(N, T) |g_s + ... + g_t|^2 over the tasks from the first of `order` to each: what the published code takes for
    the task's own, since it leaves gradients of the tasks before in place.
    """
    squares = {}
    for number, task in enumerate(order, 1):
        parts = [gramian_NTT[:, one, other] for one in order[:number] for other in order[:number]]
        squares[task] = torch.stack(parts).sum(0)
    return torch.stack([squares[task] for task in sorted(squares)], dim=1)


class NormWeights:
    """At its c-th change a weight is multiplied by r^(c k): k = 1 for ASR, up to c = 3; k = 1/2 for MT, up to c = 5.

    Below the floor it becomes 0 for good. A ratio r is cut off at 1; one that is 0 or not finite keeps the weight.
    """

    def __init__(self, tasks: Sequence[str], floor: float) -> None:
        self.weights = dict.fromkeys(tasks, 1.0)
        self.floor = floor

    def change(self, number: int, ratios: Mapping[str, float], times: int = 1) -> None:
        """The change of the given number, from 1 on.

        Args:
            number: c, the number of intervals that are done.
            ratios: task -> r.
            times: how often the power is applied: more than once only in the published code, for each micro-batch.
        """
        for task, ratio in ratios.items():
            most, exponent = CHANGES[task]
            if number <= most and math.isfinite(ratio) and ratio > 0:
                weight = self.weights[task] * min(ratio, 1.0) ** (number * exponent * times)
                self.weights[task] = weight if weight >= self.floor else 0.0
