"""Whether the tasks' expected gradients oppose each other: running sums of products across halves, and their test.

Two gradients of pure noise oppose each other in every second batch. What counts is their expectation. For each group
and backward pass, with g_t1 and g_t2 the gradients of task t on the halves of the batch,

    y_a = (<g_01, g_a2> + <g_02, g_a1>) / (2 |g_01| |g_02|),    y_0 = <g_01, g_02> / (|g_01| |g_02|).

The halves are drawn independently, so E y_a = <E u_0, E v_a>, where u_0 = g_0 / |g_0| and v_a = g_a / |g_0| of a half.
The sign is that of the product of expected gradients; the noise that the tasks have in common on one utterance is not
in it. The division makes passes alike, whatever the loss scale and the size of the batch. Only <g_0, g_t> is read.

**The test.** Over the passes, S = sum w_i y_i and Q = sum w_i^2 y_i^2, where w_i falls by 1 - RATE with each further
pass. Let there be no conflict, E y = 0, batches be independent, and y be as likely as -y. Given all |y_i|, S is then a
sum of w_i |y_i| with independent signs. For every x, whatever the number of passes and the tails of y,

    P(S < -x sqrt(Q)) <= C P(N > x),    C = 1 / (4 P(N > sqrt(2))) = 3.179,  N standard normal

(Dzindzalieta and Bentkus 2015, Bernoulli 21, on weighted sums of Rademacher variables). At x = 2.152 the right side is
5 %. With many passes S / sqrt(Q) is nearly normal, and the left side is 1.6 %; where the tasks agree, E y > 0, it is
smaller. So at any pass at most 5 % of the groups without conflict are found to be in conflict. Where E y is -d times
the root mean square of y, every second group is found after about (x / d)^2 passes, if the memory of 2 / RATE passes is
longer than that.

S and Q need no correction for their start from zero: that is a common factor, which leaves the test and the ratio of
two sums as they are. N groups, T tasks, A = T - 1 auxiliaries; column 0 is y_0's.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict.gramian import ratio
from mgcm_fairseq.core.conflict.halves import across_halves

RATE = 0.01
"""Of the exponential means: GradVac's. About 200 passes are remembered, so that a group follows the training."""

ERRORS = 2.152
"""x: standard errors below 0 from which on products are found to be negative, for a false alarm in at most 5 %."""


class ProductSums(NamedTuple):
    """Of some groups; zeros where nothing has been seen."""

    first: Tensor  # (N, T) S, in float64
    second: Tensor  # (N, T) Q

    def opposing(self) -> Tensor:
        """(N, A) True where the auxiliary's expected gradient opposes the primary task's."""
        return self.first[:, 1:] < -ERRORS * self.second[:, 1:].sqrt()

    def opposing_part(self) -> Tensor:
        """(N, A) how much of u_0 to take from v_a so that nothing opposes in expectation: E y_a / E |u_0|^2, below 0
        where they oppose and 0 elsewhere.

        E |u_0|^2 is taken at the upper end of its error. It is the part of g_0's square that is no noise, small and
        uncertain, and what is divided by it must not explode: less is taken than opposes until it is known.
        """
        primary_N1 = self.first[:, :1] + ERRORS * self.second[:, :1].sqrt()
        part_NA = ratio(self.first[:, 1:], primary_N1)
        return part_NA.where(self.opposing() & (primary_N1 > 0), 0.0)


class RunningProducts:
    """Remembers the sums of every group, by its name."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}  # group -> (2, T)

    def of(self, groups: Sequence[str], gramian_NSS: Tensor) -> ProductSums:
        """What the passes so far have shown, on the device of the Gramians of half gradients."""
        zero_2T = gramian_NSS.new_zeros(2, gramian_NSS.size(1) // 2, dtype=torch.float64)
        sums_N2T = torch.stack([self._sums.get(group, zero_2T).to(gramian_NSS.device) for group in groups])
        return ProductSums(sums_N2T[:, 0], sums_N2T[:, 1])

    def add(self, groups: Sequence[str], gramian_NSS: Tensor) -> None:
        """Adds a pass. A task that is absent or not finite, or a batch of one, leaves the sums as they are."""
        before = self.of(groups, gramian_NSS)
        norm_N = gramian_NSS[:, 0, 0].sqrt() * gramian_NSS[:, 1, 1].sqrt()
        y_NT = ratio(across_halves(gramian_NSS)[:, 0], norm_N.unsqueeze(1)).double()
        seen_NT = y_NT.isfinite() & (y_NT != 0)
        first_NT = torch.where(seen_NT, (1 - RATE) * before.first + RATE * y_NT, before.first)
        second_NT = torch.where(seen_NT, (1 - RATE)**2 * before.second + RATE**2 * y_NT.square(), before.second)
        self._sums.update(zip(groups, torch.stack([first_NT, second_NT], dim=1).unbind(), strict=True))

    def state_dict(self, tasks: Sequence[str]) -> dict[str, Any]:
        """The sums of each group, on the CPU, and the tasks that their columns are."""
        return {"tasks": list(tasks), "sums": {group: sums.cpu().clone() for group, sums in self._sums.items()}}

    def load_state_dict(self, state: dict[str, Any], tasks: Sequence[str]) -> None:
        """Takes up what `state_dict` returned, by name; all begin at 0 if the primary task is another."""
        self._sums = {}
        if state["tasks"][0] != tasks[0]:
            return
        both = [task for task in tasks if task in state["tasks"]]
        now, then = [tasks.index(task) for task in both], [state["tasks"].index(task) for task in both]
        for group, sums in state["sums"].items():
            self._sums[group] = sums.new_zeros(2, len(tasks))
            self._sums[group][:, now] = sums[:, then]
