"""Rules: how the gradients of T tasks in one group become one, read from their T x T Gramian alone.

A rule answers a mixing matrix M (N, T, T) for N groups: task t's gradient becomes g_t' = sum_s M_ts g_s, and the
group's merged gradient is sum_t g_t'. Task 0 is the primary one.
"""

import importlib
from collections.abc import Callable

from mgcm_fairseq.core.conflict.rules.rule import Rule, Stateless
from mgcm_fairseq.core.conflict.rules.torchjd import TorchJD

RULES = {
    "mgcm": "mgcm.make",
    "discard": "discard.make",
    "sum": "plain_sum.make",
    "pcgrad": "pcgrad.PCGrad",
    "gradvac": "gradvac.GradVac",
    "pcd": "pcd.PCD",
}
"""Name -> file in this folder, and what in it makes the rule for a seed."""

OVER_HALVES = {
    "noise-aware-mgcm": "noise_aware_mgcm.NoiseAwareMGCM",
    "modo": "modo.make",
    "sdmgrad": "sdmgrad.make",
}
"""The same of rules that read the Gramians of half gradients, see core.conflict.halves."""

ALL_RULES = RULES | OVER_HALVES
"""All of them."""


def make_rule(name: str, seed: int = 0) -> Rule:
    """The rule called `name`: one of ALL_RULES, or torchjd:NAME, e.g. torchjd:UPGrad. ValueError for any other name."""
    if name.startswith("torchjd:"):
        return TorchJD.named(name.removeprefix("torchjd:"))
    if name not in ALL_RULES:
        raise ValueError(f"conflict rule: expected one of {', '.join(ALL_RULES)} or torchjd:NAME, found {name!r}.")
    file, _, maker = ALL_RULES[name].partition(".")
    make: Callable[[int], Rule] = getattr(importlib.import_module(f"{__name__}.{file}"), maker)
    return make(seed)


__all__ = ["ALL_RULES", "OVER_HALVES", "RULES", "Rule", "Stateless", "TorchJD", "make_rule"]
