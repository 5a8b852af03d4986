"""A learning rate of their own for the private parts of grouped layers: a multiple of that of all other weights.

GDPS's code (arXiv 2603.25836) makes the optimizer's groups of parameters once the schedule has been made, which then
reaches the first of them alone. Here the optimizer has two groups while it steps, and one before and after: schedules
and checkpoints know nothing of them, so that warm-up and decay are those of all weights.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fairseq.logging import metrics
from torch import Tensor

from mgcm_fairseq.common.errors import InputError

_OPTION, _REMEDY = "--private-lr-factor", "Use --optimizer adam."


@contextmanager
def private_rate(optimizer: Any, private: Sequence[Tensor], factor: float) -> Iterator[None]:
    """Around the optimizer's step: private parameters have `factor` times the learning rate.

    Raises:
        InputError: for an optimizer of fairseq's that cannot step so.
    """
    if factor == 1 or not private:
        yield
        return
    inner = optimizer.optimizer
    groups: Sequence[dict[str, Any]] = getattr(inner, "param_groups", ())
    if len(groups) != 1:
        raise InputError(_OPTION, "an optimizer with one group of parameters", str(len(groups)), _REMEDY)
    [whole] = groups
    own = set(map(id, _stepped(optimizer, private)))
    shared = {**whole, "params": [one for one in whole["params"] if id(one) not in own]}
    apart = {**whole, "params": [one for one in whole["params"] if id(one) in own], "lr": factor * whole["lr"]}
    metrics.log_scalar("private_lr", apart["lr"], weight=0, priority=301, round=6)
    before = _others(whole)
    inner.param_groups = [shared, apart]
    try:
        yield
    finally:
        inner.param_groups = groups
    if not before == _others(shared) == _others(apart):
        raise InputError(_OPTION, "an optimizer that keeps what it remembers by parameter", type(inner).__name__,
                         _REMEDY)


def _stepped(optimizer: Any, private: Sequence[Tensor]) -> Sequence[Tensor]:
    """What the optimizer changes in place of the parameters: their fp32 copies, where there are some."""
    copies = getattr(optimizer, "fp32_params", None)
    if copies is None:
        return private
    if isinstance(copies, dict):
        raise InputError(_OPTION, "copies in fp32 of each parameter by itself", "one of all of them",
                         "Add --fp16-no-flatten-grads, or use --amp or --bf16.")
    of = {id(half): copy for half, copy in zip(optimizer.fp16_params, copies, strict=True)}
    return [of[id(parameter)] for parameter in private]


def _others(group: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name not in ("params", "lr")}
