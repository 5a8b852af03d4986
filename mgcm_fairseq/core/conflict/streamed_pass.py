"""One forward pass of the streamed engine, and the autograd functions that carry one gradient per task backwards."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from mgcm_fairseq.core.conflict.graph import leaves_below
from mgcm_fairseq.core.conflict.layout import Gradients
from mgcm_fairseq.core.conflict.merge import Merger
from mgcm_fairseq.core.conflict.replay import StatisticsKept
from mgcm_fairseq.core.conflict.report import Report
from mgcm_fairseq.core.conflict.streams import Stage, Stream, tasks_of, values_of
from mgcm_fairseq.core.conflict.tape import Tape, hooks_held, stage_name


class StreamedPass:
    """Passes streams through stages, each of which is one node of the graph that autograd sees.

    Stages below the first parameter in scope are ordinary autograd.
    """

    def __init__(self, tasks: Sequence[str], merger: Merger, report: Report, step: int, unjudged: set[object],
                 clear: set[object]) -> None:
        """`unjudged`: stages in which earlier passes met no parameter in scope; this pass adds to it. `clear`: is
        given the nodes below which no parameter in scope is used.
        """
        self.tasks = tuple(tasks)
        self.merger = merger
        self._judge = _Judge(self.tasks, merger, report, step, {})
        self._visited: dict[int, Any] = {}  # group -> the stage or parameter that had it
        self._aliases: dict[Tensor, tuple[Tensor, ...]] = {}
        self._unjudged = unjudged
        self._clear = clear

    def start(self, value: Tensor, tasks: Sequence[str] = ()) -> Stream:
        """A stream without carriers: what lies before it gets the sum of all tasks' gradients."""
        unknown = set(tasks) - set(self.tasks)
        if unknown or not tasks:
            raise ValueError(f"stream: expected some of the tasks {', '.join(self.tasks)}, found {list(tasks)}.")
        return Stream(value, tuple(task for task in self.tasks if task in tasks))

    def run(self, stage: Stage, calls: Sequence[tuple[Any, ...]], recompute: bool = False) -> list[Stream]:
        """One node of the graph for all calls; ordinary autograd as long as no parameter in scope has been met."""
        tasks = [tasks_of(call) for call in calls]
        if any(isinstance(part, Tensor) and part.requires_grad for call in calls for part in call):
            raise ValueError("stage call: a tensor that needs a gradient must come as a stream; use start().")
        inputs = [part for call in calls for part in call if isinstance(part, Stream) and part.value.requires_grad]
        carried = any(part.carriers for part in inputs)
        again: AbstractContextManager[None] = nullcontext()
        if not carried and not recompute and _key(stage) in self._unjudged:
            answers = self._run_unjudged(stage, calls)
            if answers is not None:
                return [Stream(answer, of_call) for answer, of_call in zip(answers, tasks, strict=True)]
            again = StatisticsKept(stage)
        with again:
            tape = Tape(stage, [values_of(call) for call in calls], recompute)
        if self._visit(tape.parameters, stage) or carried:
            flows = tasks
            fanned = [value for part in inputs for value in self._fan_out(part)]
            labels: tuple[str | None, ...] = tuple(task for part in inputs for task in part.tasks)
        else:
            self._unjudged.add(_key(stage))
            flows, labels = [("all",) for _ in calls], tuple(_only(part.tasks) for part in inputs)
            fanned = [part.value for part in inputs]
        outputs = iter(_StageNode.apply(self._judge, tape, tasks, flows, labels, *fanned, *tape.parameters))  # type: ignore[no-untyped-call]
        streams = []
        for of_call, of_flow, differentiable in zip(tasks, flows, tape.differentiable, strict=True):
            value, *carriers = [next(outputs) for _ in of_flow]
            streams.append(Stream(value, of_call, tuple(carriers)) if differentiable
                           else Stream(value.detach(), of_call))
        return streams

    def _run_unjudged(self, stage: Stage, calls: Sequence[tuple[Any, ...]]) -> list[Tensor] | None:
        """Answers in ordinary autograd; None where the stage has come to use a parameter in scope."""
        answers = [stage(*values_of(call)) for call in calls]
        leaves, engines = leaves_below(answers, self._clear)
        if self.merger.groups.members(leaves):
            self._unjudged.discard(_key(stage))
            return None
        if not engines:
            self._clear.update(answer.grad_fn for answer in answers)
        return answers

    def branch(self, stream: Stream, *tasks: str) -> Stream:
        """A stream whose gradients go back to where those of its tasks belong."""
        kept = tuple(task for task in stream.tasks if task in tasks)
        if not tasks or len(kept) < len(set(tasks)):
            raise ValueError(f"branch: expected some of {', '.join(stream.tasks)}, found {', '.join(tasks) or 'none'}.")
        if not stream.carriers or kept == stream.tasks:
            return Stream(stream.value, kept, stream.carriers)
        value, *carriers = _Branch.apply(self._judge, kept, stream.tasks, stream.value, *stream.carriers)  # type: ignore[no-untyped-call]
        return Stream(value, kept, tuple(carriers))

    def alias(self, parameter: Tensor, task: str) -> Tensor:
        """A view for the task; the views' gradients are merged when all are there."""
        if task not in self.tasks:
            raise ValueError(f"alias: expected one of {', '.join(self.tasks)}, found {task!r}.")
        if not parameter.requires_grad or self.merger.groups.of(parameter) is None:
            return parameter
        if parameter not in self._aliases:
            self._visit([parameter], parameter)
            self._aliases[parameter] = _Aliases.apply(self._judge, parameter)  # type: ignore[no-untyped-call]
        return self._aliases[parameter][self.tasks.index(task)]

    def _visit(self, parameters: list[Tensor], visitor: Any) -> bool:
        """Notes the groups of the parameters; whether there are any. ValueError if another stage had one."""
        members = self.merger.groups.members(parameters)
        for group in members:
            if group in self._visited:
                raise ValueError(
                    f"streamed engine: {self.merger.groups.names[group]} is used by two stages, {_name(visitor)} and "
                    f"{_name(self._visited[group])}. Pass all streams through one run(), use a parameter that stands "
                    f"alone through alias(), or choose a finer granularity than {self.merger.groups.granularity}, or "
                    f"the stash engine.")
            self._visited[group] = visitor
        return bool(members)

    def _fan_out(self, stream: Stream) -> tuple[Tensor, ...]:
        """The stream's value and a carrier for each further task."""
        if stream.carriers or len(stream.tasks) < 2:
            return (stream.value, *stream.carriers)
        fanned: tuple[Tensor, ...] = _FanOut.apply(self._judge, stream.tasks, stream.value)  # type: ignore[no-untyped-call]
        return fanned


class _Judge(NamedTuple):
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


def _name(visitor: Any) -> str:
    if isinstance(visitor, Tensor):
        return f"a parameter of shape {tuple(visitor.shape)}"
    return stage_name(visitor)


class _FanOut(torch.autograd.Function):
    """A value and carriers; backward their sum."""

    @staticmethod
    def forward(ctx: Any, judge: _Judge, tasks: tuple[str, ...], value: Tensor) -> tuple[Tensor, ...]:
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


class _Branch(torch.autograd.Function):
    """Some of a stream's tasks; backward lists their cotangents in the order of all its tasks."""

    @staticmethod
    def forward(ctx: Any, judge: _Judge, kept: tuple[str, ...], tasks: tuple[str, ...], value: Tensor,
                *carriers: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.owners, ctx.labels = kept, tasks
        return (value.view_as(value), *judge.carriers(value, len(kept) - 1))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        of_tasks = dict(zip(ctx.owners, cotangents, strict=True))
        return (None, None, None, *map(of_tasks.get, ctx.labels))


class _Aliases(torch.autograd.Function):
    """A view of a parameter for each task; backward the merged gradient."""

    @staticmethod
    def forward(ctx: Any, judge: _Judge, parameter: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.judge, ctx.parameter, ctx.owners, ctx.labels = judge, parameter, judge.tasks, ()
        return tuple(parameter.view_as(parameter) for _ in judge.tasks)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[None, Tensor | None]:
        return None, ctx.judge.merge([ctx.parameter], [[cotangent] for cotangent in cotangents])[0]


class _StageNode(torch.autograd.Function):
    """A stage's answers; backward one vector-Jacobian product per task, and the parameters' merged gradients."""

    @staticmethod
    def forward(ctx: Any, judge: _Judge, tape: Tape, tasks: list[tuple[str, ...]], flows: list[tuple[str, ...]],
                labels: tuple[str | None, ...], *inputs: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.judge, ctx.tape, ctx.flows, ctx.labels = judge, tape, flows, labels
        ctx.owners = [_only(of_call) if flow == "all" else flow
                      for of_call, of_flow in zip(tasks, flows, strict=True) for flow in of_flow]
        outputs: list[Tensor] = []
        for output, of_call in zip(tape.outputs, flows, strict=True):
            outputs += [output, *judge.carriers(output, len(of_call) - 1)]
        tape.outputs = []
        return tuple(outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        tape, judge = ctx.tape, ctx.judge
        tape.play()
        flows = _present(ctx.flows, cotangents)
        to_inputs: list[dict[str, list[Tensor | None]]] = [{} for _ in ctx.flows]
        of_tasks: dict[str, Gradients] = {}
        with hooks_held(tape.parameters):
            for number, (flow, given) in enumerate(flows.items(), 1):
                to_leaves, of_tasks[flow] = tape.gradients(list(given), list(given.values()), number < len(flows))
                for call, gradients in zip(given, to_leaves, strict=True):
                    to_inputs[call][flow] = gradients
        answer = [to_inputs[call][flow][leaf] if flow in to_inputs[call] else None
                  for call, (of_call, leaves) in enumerate(zip(ctx.flows, tape.leaves, strict=True))
                  for leaf in range(len(leaves)) for flow in of_call]
        tape.erase()
        if "all" in of_tasks:
            return (None, None, None, None, None, *answer, *of_tasks["all"])
        nothing: Gradients = [None] * len(tape.parameters)
        gradients = [of_tasks.get(task, list(nothing)) for task in judge.tasks]
        return (None, None, None, None, None, *answer, *judge.merge(tape.parameters, gradients))


def _present(flows: Sequence[tuple[str, ...]], cotangents: Sequence[Tensor | None]) -> dict[str, dict[int, Tensor]]:
    """Flow -> call -> the cotangent that came back, for those that did."""
    found: dict[str, dict[int, Tensor]] = {}
    taken = iter(cotangents)
    for call, of_call in enumerate(flows):
        for flow in of_call:
            cotangent = next(taken)
            if cotangent is not None:
                found.setdefault(flow, {})[call] = cotangent
    return found


def _only(tasks: Sequence[str]) -> str | None:
    """The task, if there is but one."""
    return tasks[0] if len(tasks) == 1 else None


def _key(stage: Any) -> object:
    """What tells a stage in one pass from the others, for the next pass: its code, and the modules that it holds.

    It may be wrong, which `_run_unjudged` sees; it must not be new in every pass.
    """
    if isinstance(stage, (nn.Module, nn.Parameter)):
        return id(stage)
    if isinstance(stage, partial):
        return _key(stage.func), tuple(map(_key, stage.args))
    if isinstance(stage, (list, tuple)):
        return tuple(map(_key, stage))
    if not callable(stage):
        return None
    owner = getattr(stage, "__self__", getattr(stage, "__code__", stage))  # a lambda is made anew for every pass
    held = [cell.cell_contents for cell in getattr(stage, "__closure__", None) or ()]
    return id(owner), getattr(stage, "__name__", ""), *(id(part) for part in held if isinstance(part, nn.Module))
