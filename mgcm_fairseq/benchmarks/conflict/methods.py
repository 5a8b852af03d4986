"""Ways to compute one update from three tasks. Each leaves it in p.grad, which is empty when its step begins."""

from collections.abc import Callable
from importlib.util import find_spec

import torch

from mgcm_fairseq.benchmarks.conflict.peers import published, three_gradients, torchjd, whole_model_pcgrad
from mgcm_fairseq.benchmarks.conflict.workload import Workload
from mgcm_fairseq.core.conflict import PLAIN, AutoScope, Rule, Stash, Streamed, make_rule
from mgcm_fairseq.core.conflict.flat import GPU
from mgcm_fairseq.modules.simul_st import TASKS
from mgcm_fairseq.training.config import SCOPES

Step = Callable[[], None]


def _plain(workload: Workload) -> Step:
    """The sum of the losses: no conflict handling."""
    return lambda: torch.stack(list(workload.losses(PLAIN).values())).sum().backward()


def _stash(workload: Workload) -> Step:
    """This package's engine for any model."""
    return _joined(workload, Stash)


def _streamed(workload: Workload) -> Step:
    """This package's engine for models written over streams."""
    return _joined(workload, Streamed)


def _streamed_above(workload: Workload) -> Step:
    """The same for all parameters but the wav2vec 2.0 front end's, which get their plain sum."""
    return _joined(workload, Streamed, SCOPES["above-front-end"])


def _with_rule(rule: str, scope: str = "") -> Callable[[Workload], Step]:
    """The streamed engine with another rule than MGCM's."""
    return lambda workload: _joined(workload, Streamed, scope, make_rule(rule))


def _auto_scope(workload: Workload) -> Step:
    """MGCM in an automatic scope."""
    return _joined(workload, Streamed, "", AutoScope(make_rule("mgcm"), interval=1))


def _joined(workload: Workload, kind: type[Stash | Streamed], scope: str = "", rule: str | Rule = "mgcm") -> Step:
    engine = kind(workload.network, TASKS, rule, scope=scope, limits=GPU if workload.as_on_gpu else None)
    return lambda: engine.join(workload.losses(engine.streams())).backward()


METHODS: dict[str, Callable[[Workload], Step]] = {
    "plain": _plain,
    "published": published,
    "pcgrad": whole_model_pcgrad,
    "torchjd": torchjd,
    "stash": _stash,
    "streamed": _streamed,
    "streamed_above": _streamed_above,
    "noise_aware": _with_rule("noise-aware-mgcm"),
    "noise_aware_above": _with_rule("noise-aware-mgcm", SCOPES["above-front-end"]),
    "auto_scope": _auto_scope,
    "modo": _with_rule("modo"),
    "sdmgrad": _with_rule("sdmgrad"),
    "pcd": _with_rule("pcd"),
}
"""Name -> what makes its step for a workload."""

STEPS = {**METHODS, "three_gradients": three_gradients}
"""The same, and one that leaves no gradient."""


def available(method: str) -> bool:
    """False for torchjd where that package is not installed."""
    return method != "torchjd" or find_spec("torchjd") is not None
