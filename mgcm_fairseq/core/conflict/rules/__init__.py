"""Rules: how the gradients of T tasks in one group become one, read from their T x T Gramian alone.

A rule answers a mixing matrix M (N, T, T) for N groups: task t's gradient becomes g_t' = sum_s M_ts g_s, and the
group's update is sum_t g_t'. Task 0 is the primary one.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from torch import Tensor

from mgcm_fairseq.core.conflict.rules.discard import discard
from mgcm_fairseq.core.conflict.rules.gradvac import GradVac
from mgcm_fairseq.core.conflict.rules.mgcm import mgcm
from mgcm_fairseq.core.conflict.rules.pcgrad import PCGrad
from mgcm_fairseq.core.conflict.rules.plain_sum import plain_sum
from mgcm_fairseq.core.conflict.rules.torchjd import TorchJD


class Rule(Protocol):
    """What an engine calls once for every batch of groups."""

    @property
    def whole_gramian(self) -> bool:
        """False if the rule reads only <g_0, g_t>: then many workers need to share g_0 alone."""

    @property
    def stateful(self) -> bool:
        """Whether it remembers anything from step to step."""

    def __call__(self, gramian_NTT: Tensor, groups: Sequence[str], step: int, /) -> Tensor:
        """(N, T, T) Gramians of the groups named, in the training step given -> (N, T, T) mixing matrices."""

    def state_dict(self, tasks: Sequence[str], /) -> dict[str, Any]:
        """What a resumed run needs; `tasks` names the rows of the Gramians."""

    def load_state_dict(self, state: dict[str, Any], tasks: Sequence[str], /) -> None:
        """Takes up what `state_dict` returned, for Gramians whose rows are these tasks."""


class Stateless:
    """A rule from a function of the Gramian."""

    stateful = False

    def __init__(self, function: Callable[[Tensor], Tensor], whole_gramian: bool = True) -> None:
        self.function = function
        self.whole_gramian = whole_gramian

    def __call__(self, gramian_NTT: Tensor, groups: Sequence[str], step: int) -> Tensor:
        """The function's answer."""
        return self.function(gramian_NTT)

    def state_dict(self, tasks: Sequence[str]) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any], tasks: Sequence[str]) -> None:
        """Nothing to load."""


RULES: dict[str, Callable[[int], Rule]] = {
    "mgcm": lambda seed: Stateless(mgcm, whole_gramian=False),
    "discard": lambda seed: Stateless(discard, whole_gramian=False),
    "sum": lambda seed: Stateless(plain_sum, whole_gramian=False),
    "pcgrad": PCGrad,
    "gradvac": GradVac,
}
"""Name -> rule for a seed."""


def make_rule(name: str, seed: int = 0) -> Rule:
    """The rule called `name`: one of RULES, or torchjd:NAME, e.g. torchjd:UPGrad. ValueError for any other name."""
    if name.startswith("torchjd:"):
        return TorchJD.named(name.removeprefix("torchjd:"))
    if name not in RULES:
        raise ValueError(f"conflict rule: expected one of {', '.join(RULES)} or torchjd:NAME, found {name!r}.")
    return RULES[name](seed)


__all__ = ["RULES", "GradVac", "PCGrad", "Rule", "Stateless", "TorchJD", "discard", "make_rule", "mgcm", "plain_sum"]
