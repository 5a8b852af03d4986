"""Ways to train that are compared: the plain sum of the tasks' losses, and conflict handling local and global."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from mgcm_fairseq.benchmarks.conflict.workload import Workload
from mgcm_fairseq.core.conflict import PLAIN, Stash, Streamed, Workers
from mgcm_fairseq.modules.simul_st import TASKS
from mgcm_fairseq.training.config import SCOPES


@dataclass(frozen=True)
class TrainingVariant:
    """What --conflict-rule, -scope, -engine and -reduce choose."""

    rule: str = "none"
    scope: str = "all"
    engine: type[Streamed] | type[Stash] = Streamed
    together: bool = False  # --conflict-reduce global

    def start(self, workload: Workload, workers: Workers | None = None) -> Stash | Streamed | None:
        """The engine for a network; None for plain training."""
        if self.rule == "none":
            return None
        return self.engine(workload.network, TASKS, self.rule, scope=SCOPES[self.scope], workers=workers)


VARIANTS = {
    "plain": TrainingVariant(),
    "mgcm local": TrainingVariant("mgcm"),
    "mgcm global": TrainingVariant("mgcm", together=True),
    "mgcm global above": TrainingVariant("mgcm", "above-front-end", together=True),
    "pcgrad global": TrainingVariant("pcgrad", engine=Stash, together=True),
}
"""Name -> variant; above: above the front end."""


def step_of(workload: Workload, engine: Stash | Streamed | None) -> Callable[[], None]:
    """One forward and backward pass that leaves the update in p.grad."""
    if engine is None:
        return lambda: torch.stack(list(workload.losses(PLAIN).values())).sum().backward()
    return lambda: engine.join(workload.losses(engine.streams())).backward()
