"""The streamed engine: one ordinary backward pass; per-task gradients live only inside one stage at a time."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mgcm_fairseq.core.conflict.credit import check_credit
from mgcm_fairseq.core.conflict.flat import Limits
from mgcm_fairseq.core.conflict.groups import Groups
from mgcm_fairseq.core.conflict.merge import Merger
from mgcm_fairseq.core.conflict.report import Report
from mgcm_fairseq.core.conflict.rules import Rule, make_rule
from mgcm_fairseq.core.conflict.stash import check_losses
from mgcm_fairseq.core.conflict.streamed_pass import StreamedPass
from mgcm_fairseq.core.conflict.workers import Workers


class Streamed:
    """For models written over streams; exact at plain multi-task peak memory.

        engine = Streamed(model, tasks=("st", "asr", "mt"))
        losses = model(batch, engine.streams())
        engine.join(losses).backward()
    """

    def __init__(self, model: nn.Module, tasks: Sequence[str], rule: str | Rule = "mgcm", granularity: str = "module",
                 scope: str = "", workers: Workers | None = None, limits: Limits | None = None) -> None:
        """Takes what `Stash` takes. Raises ValueError for granularity model, whose gradients no stage holds."""
        if granularity == "model":
            raise ValueError("streamed engine: a stage never sees the whole model's gradients; use the stash engine "
                             "for granularity model.")
        self.tasks = tuple(tasks)
        self.model = model
        self.merger = Merger(Groups(model, granularity, scope), make_rule(rule) if isinstance(rule, str) else rule,
                             workers, limits)
        self.report = Report(self.tasks)  # of the last forward pass, once its backward pass is done
        self.step = 0  # for rules that draw random numbers; set it to the number of the training step
        self._unjudged: set[object] = set()
        self._clear: set[object] = set()

    def streams(self) -> StreamedPass:
        """What the model is passed in one forward pass.

        Raises:
            ValueError: the model has parameters that it did not have when the engine was made.
        """
        self.merger.groups.check_model()
        self.report = Report(self.tasks)
        self._clear = set()
        return StreamedPass(self.tasks, self.merger, self.report, self.step, self._unjudged, self._clear)

    def join(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The sum of the losses; call backward() on it, scaled or not.

        Raises:
            ValueError: no loss needs a gradient; a loss reads what belongs to another task; or the losses reach a
                parameter in scope that was used outside all stages: its gradients would add up unjudged.
        """
        named = check_losses(self.tasks, losses)
        groups = self.merger.groups
        missed = check_credit(named, self._clear, lambda leaf: groups.of(leaf) is not None)
        self._clear.clear()
        if missed:
            raise ValueError(f"streamed engine: {', '.join(sorted(map(groups.name, missed)))}: used outside all "
                             f"stages. Pass a stream through run(), use it through alias(), or leave it out of the "
                             f"scope.")
        return torch.stack(list(named.values())).sum()
