"""The autograd functions of the streamed engine, which carry one gradient per task backwards."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mgcm_fairseq.core.conflict.halves import join_gradients, join_rows, split_rows
from mgcm_fairseq.core.conflict.layout import Gradients
from mgcm_fairseq.core.conflict.merge import Merger
from mgcm_fairseq.core.conflict.report import Report
from mgcm_fairseq.core.conflict.tape import Tape, hooks_held


class Judge(NamedTuple):
    """What the nodes of a pass need. They must not hold the pass, which holds some of them: neither would be freed."""

    tasks: tuple[str, ...]
    merger: Merger
    report: Report
    step: int
    zeros: dict[tuple[torch.device, torch.dtype], Tensor]  # one of each kind serves all carriers

    def carriers(self, value: Tensor, count: int) -> tuple[Tensor, ...]:
        """Zeros without memory, in the shape of the value."""
        if not count:
            return ()
        kind = value.device, value.dtype
        if kind not in self.zeros:
            self.zeros[kind] = value.new_zeros(())
        return tuple(self.zeros[kind].expand_as(value) for _ in range(count))

    def merge(self, parameters: list[Tensor], gradients: list[Gradients]) -> Gradients:
        """The merged gradients of one stage's parameters."""
        return self.merger.merge(parameters, gradients, self.report, self.step)


class FanOut(torch.autograd.Function):
    """A value and carriers; backward their sum."""

    @staticmethod
    def forward(ctx: Any, judge: Judge, tasks: tuple[str, ...], value: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.owners, ctx.labels = tasks, (None,)
        return (value.view_as(value), *judge.carriers(value, len(tasks) - 1))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[None, None, Tensor | None]:
        total = None
        for cotangent in cotangents:
            if cotangent is not None:
                total = cotangent if total is None else total + cotangent
        return None, None, total


class Branch(torch.autograd.Function):
    """Some of a stream's tasks; backward lists their cotangents in the order of all its tasks."""

    @staticmethod
    def forward(ctx: Any, judge: Judge, kept: tuple[str, ...], tasks: tuple[str, ...], value: Tensor,
                *carriers: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.owners, ctx.labels = kept, tasks
        return (value.view_as(value), *judge.carriers(value, len(kept) - 1))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        of_tasks = dict(zip(ctx.owners, cotangents, strict=True))
        return (None, None, None, *map(of_tasks.get, ctx.labels))


class Aliases(torch.autograd.Function):
    """A view of a parameter for each task; backward the merged gradient."""

    @staticmethod
    def forward(ctx: Any, judge: Judge, parameter: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.judge, ctx.parameter, ctx.labels = judge, parameter, ()
        ctx.owners = [task for task in judge.tasks for _ in range(judge.merger.halves)]
        return tuple(parameter.view_as(parameter) for _ in ctx.owners)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[None, Tensor | None]:
        return None, ctx.judge.merge([ctx.parameter], [[cotangent] for cotangent in cotangents])[0]


class StageNode(torch.autograd.Function):
    """A stage's answers; backward one vector-Jacobian product per task, and the parameters' merged gradients."""

    @staticmethod
    def forward(ctx: Any, judge: Judge, tape: Tape, numbers: list[list[int]], tasks: list[tuple[str, ...]],
                flows: list[tuple[str, ...]], labels: tuple[str | None, ...], *inputs: Tensor) -> tuple[Tensor, ...]:
        """`numbers`: for each call those of its halves among the tape's calls."""
        ctx.set_materialize_grads(False)
        ctx.judge, ctx.tape, ctx.numbers, ctx.flows, ctx.labels = judge, tape, numbers, flows, labels
        ctx.owners = [only(of_call) if flow == "all" else flow
                      for of_call, of_flow in zip(tasks, flows, strict=True) for flow in of_flow]
        outputs: list[Tensor] = []
        for of_halves, of_call in zip(numbers, flows, strict=True):
            output = join_rows([tape.outputs[number] for number in of_halves])
            outputs += [output, *judge.carriers(output, len(of_call) - 1)]
        tape.outputs = []
        return tuple(outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        tape, judge, numbers = ctx.tape, ctx.judge, ctx.numbers
        tape.play()
        flows = _present(ctx.flows, numbers, cotangents)
        to_inputs: list[dict[str, list[Tensor | None]]] = [{} for _ in tape.leaves]
        of_flows: dict[tuple[str, int], Gradients] = {}
        with hooks_held(tape.parameters):
            for count, ((flow, half), given) in enumerate(flows.items(), 1):
                to_leaves, of_flows[flow, half] = tape.gradients(list(given), list(given.values()), count < len(flows))
                for number, gradients in zip(given, to_leaves, strict=True):
                    to_inputs[number][flow] = gradients
        answer = [join_gradients([to_inputs[number][flow][leaf] for number in of_halves],
                                 [tape.leaves[number][leaf] for number in of_halves])
                  if flow in to_inputs[of_halves[0]] else None
                  for of_halves, of_call in zip(numbers, ctx.flows, strict=True)
                  for leaf in range(len(tape.leaves[of_halves[0]])) for flow in of_call]
        tape.erase()
        nothing: Gradients = [None] * len(tape.parameters)
        if ("all", 0) in of_flows:
            return (*[None] * 6, *answer, *of_flows["all", 0])
        gradients = [of_flows.get((task, half), list(nothing)) for task in judge.tasks
                     for half in range(judge.merger.halves)]
        return (*[None] * 6, *answer, *judge.merge(tape.parameters, gradients))


def _present(flows: Sequence[tuple[str, ...]], numbers: Sequence[Sequence[int]],
             cotangents: Sequence[Tensor | None]) -> dict[tuple[str, int], dict[int, Tensor]]:
    """Flow and half -> number of a tape's call -> the cotangent that came back, for those that did.

    The flow of all tasks, which nothing judges, has all halves in one.
    """
    found: dict[tuple[str, int], dict[int, Tensor]] = {}
    taken = iter(cotangents)
    for of_call, of_halves in zip(flows, numbers, strict=True):
        for flow in of_call:
            cotangent = next(taken)
            if cotangent is not None:
                rows = split_rows(cotangent, len(of_halves))
                for half, (number, part) in enumerate(zip(of_halves, rows, strict=True)):
                    found.setdefault((flow, 0 if flow == "all" else half), {})[number] = part
    return found


def only(tasks: Sequence[str]) -> str | None:
    """The task, if there is but one."""
    return tasks[0] if len(tasks) == 1 else None
