"""The streamed engine: one ordinary backward pass; per-task gradients live only inside one segment at a time."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mgcm_fairseq.core.conflict.groups import Groups
from mgcm_fairseq.core.conflict.merge import Merger
from mgcm_fairseq.core.conflict.report import Report
from mgcm_fairseq.core.conflict.rules import Rule, make_rule
from mgcm_fairseq.core.conflict.stash import check_tasks
from mgcm_fairseq.core.conflict.streamed_pass import StreamedPass
from mgcm_fairseq.core.conflict.tape import bypassing_parameters
from mgcm_fairseq.core.conflict.workers import Workers


class Streamed:
    """For models written over streams; exact at plain multi-task peak memory.

        engine = Streamed(model, tasks=("st", "asr", "mt"))
        losses = model(batch, engine.streams())
        engine.join(losses).backward()
    """

    def __init__(self, model: nn.Module, tasks: Sequence[str], rule: str | Rule = "mgcm", granularity: str = "module",
                 scope: str = "", workers: Workers | None = None) -> None:
        """Takes what `Stash` takes. Raises ValueError for granularity model, whose gradients no segment holds."""
        if granularity == "model":
            raise ValueError("streamed engine: a segment never sees the whole model's gradients; use the stash engine "
                             "for granularity model.")
        self.tasks = tuple(tasks)
        self.model = model
        self.merger = Merger(Groups(model, granularity, scope), make_rule(rule) if isinstance(rule, str) else rule,
                             workers)
        self.report = Report(self.tasks)  # of the last forward pass, once its backward pass is done
        self.step = 0  # for rules that draw random numbers; set it to the number of the training step
        self._names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}

    def streams(self) -> StreamedPass:
        """What the model is passed in one forward pass."""
        self.report = Report(self.tasks)
        return StreamedPass(self.tasks, self.merger, self.report, self.step)

    def join(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The sum of the losses; call backward() on it, scaled or not.

        Raises ValueError where the losses reach a parameter in scope that was used outside all segments: its gradients
        would add up unjudged.
        """
        total = torch.stack(list(check_tasks(self.tasks, losses).values())).sum()
        missed = [self._names.get(parameter, "a tensor that is no parameter of the model")
                  for parameter in bypassing_parameters(total) if self.merger.groups.of(parameter) is not None]
        if missed:
            raise ValueError(f"streamed engine: {', '.join(sorted(missed))}: used outside all segments. Pass a "
                             f"stream through run(), use it through alias(), or leave it out of the scope.")
        return total
