"""The stash engine: any model, any losses, any granularity; every task's gradient is held until all are there."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from mgcm_fairseq.core.conflict.flat import Limits
from mgcm_fairseq.core.conflict.graph import leaves_below
from mgcm_fairseq.core.conflict.groups import Groups
from mgcm_fairseq.core.conflict.merge import Merger
from mgcm_fairseq.core.conflict.report import Report
from mgcm_fairseq.core.conflict.rules import Rule, make_rule
from mgcm_fairseq.core.conflict.streams import PLAIN, Plain
from mgcm_fairseq.core.conflict.tape import hooks_held
from mgcm_fairseq.core.conflict.workers import Workers


class Stash:
    """Costs the memory of all T gradients at the end of the backward pass.

        engine = Stash(model, tasks=("st", "asr"))
        engine.join({"st": st_loss, "asr": asr_loss}).backward()
    """

    def __init__(self, model: nn.Module, tasks: Sequence[str], rule: str | Rule = "mgcm", granularity: str = "module",
                 scope: str = "", workers: Workers | None = None, limits: Limits | None = None) -> None:
        """Raises ValueError for an unknown rule or granularity, or an empty scope.

        Args:
            model: whose parameters receive the merged gradients.
            tasks: names, the primary task first.
            rule: a name for `make_rule`, or a Rule.
            granularity: which parameters are judged together, see `Groups`.
            scope: regular expression for the names of parameters that the rule applies to, see `Groups`.
            workers: average gradients over them before judging; None judges each worker's own.
            limits: how many elements are merged at once; None for what suits the gradients' device.
        """
        self.tasks = tuple(tasks)
        self.model = model
        self.merger = Merger(Groups(model, granularity, scope), make_rule(rule) if isinstance(rule, str) else rule,
                             workers, limits)
        self.report = Report(self.tasks)  # of the last backward pass
        self.step = 0  # for rules that draw random numbers; set it to the number of the training step

    def streams(self) -> Plain:
        """What a model written over streams is passed: ordinary autograd."""
        return PLAIN

    def join(self, losses: Mapping[str, Tensor], second: Mapping[str, Tensor] | None = None) -> Tensor:
        """The sum of the losses, whose backward pass merges their gradients; call backward() on it, scaled or not.

        Tensors that the model does not have, as learned weights of tasks, get the plain sum of their gradients.

        Args:
            losses: task -> scalar; tasks may be missing.
            second: for a rule that reads gradients of half batches, the losses of the second half, and `losses` those
                of the first; None for a batch of one.
        Raises:
            ValueError: for a loss of no task, if no loss needs a gradient, the model has new parameters, or for losses
                of a second half that the rule does not read.
        """
        if second is not None and self.merger.halves == 1:
            raise ValueError("losses to join: expected those of the whole batch, for a rule that reads no half "
                             "batches, found a second half. Add them up.")
        of_halves = [check_losses(self.tasks, of_half) for of_half in (losses, second) if of_half is not None]
        self.merger.groups.check_model()
        reached = {id(leaf): leaf for leaf in leaves_below([loss for named in of_halves for loss in named.values()])[0]}
        own = [parameter for parameter in self.model.parameters() if id(parameter) in reached]
        for parameter in own:
            del reached[id(parameter)]
        parameters = [*own, *reached.values()]  # no other: DDP counts what has a gradient, even one that is absent
        of_halves += [{}] * (self.merger.halves - len(of_halves))
        ordered = [named.get(task) for task in self.tasks for named in of_halves]
        joined: Tensor = _Join.apply(self, ordered, *parameters)  # type: ignore[no-untyped-call]  # of torch, which is not typed
        return joined


class _Join(torch.autograd.Function):
    """The sum of the losses forward; backward through each of them, one after the other."""

    @staticmethod
    def forward(ctx: Any, engine: Stash, losses: list[Tensor | None], *parameters: Tensor) -> Tensor:
        ctx.engine, ctx.losses, ctx.parameters = engine, losses, list(parameters)
        return torch.stack([loss.detach() for loss in losses if loss is not None]).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Any, ...]:
        engine, losses, parameters = ctx.engine, ctx.losses, ctx.parameters
        if losses is None:
            raise RuntimeError("stash engine: expected one backward pass through a loss, found a second one. Run the "
                               "model again and join its losses.")
        ctx.losses = None
        last = max(index for index, loss in enumerate(losses) if loss is not None and loss.requires_grad)
        gradients = []
        with hooks_held(parameters):
            for index, loss in enumerate(losses):
                if loss is None or not loss.requires_grad:
                    gradients.append([None] * len(parameters))
                else:
                    gradients.append(list(torch.autograd.grad(loss, parameters, cotangent.to(loss.dtype),
                                                              retain_graph=index < last, allow_unused=True)))
        engine.report = Report(engine.tasks)
        return (None, None, *engine.merger.merge(parameters, gradients, engine.report, engine.step))


def check_losses(tasks: Sequence[str], losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The losses as a dictionary; ValueError if one belongs to no task, there is none or none needs a gradient."""
    if not losses or not set(losses) <= set(tasks):
        raise ValueError(f"losses to join: expected some of {', '.join(tasks)}, found {', '.join(losses) or 'none'}.")
    if torch.is_grad_enabled() and not any(loss.requires_grad for loss in losses.values()):
        raise ValueError(f"losses to join: expected that one of {', '.join(losses)} needs a gradient, found none: they "
                         f"were computed under no_grad(), or everything is frozen.")
    return dict(losses)
