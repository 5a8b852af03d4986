"""What a rule is, and the rule that a function of the Gramian makes."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from torch import Tensor


class Rule(Protocol):
    """What an engine calls once for every batch of groups."""

    @property
    def whole_gramian(self) -> bool:
        """False if the rule reads only <g_0, g_t>: then many workers need to share g_0 alone."""

    @property
    def halves(self) -> bool:
        """Whether it reads the Gramians of half gradients, see core.conflict.halves: (N, 2 T, 2 T) in place of
        (N, T, T). Its answer is (N, T, T) in any case.
        """

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

    halves = False
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
