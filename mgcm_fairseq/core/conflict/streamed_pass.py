"""One forward pass of the streamed engine, and the autograd functions that carry one gradient per task backwards."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mgcm_fairseq.core.conflict.merge import Gradients, Merger
from mgcm_fairseq.core.conflict.report import Report
from mgcm_fairseq.core.conflict.streams import Segment, Stream, tasks_of, values_of
from mgcm_fairseq.core.conflict.tape import Tape


class StreamedPass:
    """Passes streams through segments, each of which is one node of the graph that autograd sees."""

    def __init__(self, tasks: Sequence[str], merger: Merger, report: Report, step: int) -> None:
        self.tasks = tuple(tasks)
        self.merger = merger
        self._judge = _Judge(self.tasks, merger, report, step)
        self._visited: dict[int, Any] = {}  # group -> the segment or parameter that had it
        self._aliases: dict[Tensor, tuple[Tensor, ...]] = {}

    def start(self, value: Tensor, tasks: Sequence[str] = ()) -> Stream:
        """A stream without carriers: what lies before it gets the sum of all tasks' gradients."""
        unknown = set(tasks) - set(self.tasks)
        if unknown or not tasks:
            raise ValueError(f"stream: expected some of the tasks {', '.join(self.tasks)}, found {list(tasks)}.")
        return Stream(value, tuple(task for task in self.tasks if task in tasks))

    def run(self, segment: Segment, calls: Sequence[tuple[Any, ...]], recompute: bool = False) -> list[Stream]:
        """One node of the graph for all calls; ordinary autograd as long as no parameter in scope has been met."""
        tasks = [tasks_of(call) for call in calls]
        if any(isinstance(part, Tensor) and part.requires_grad for call in calls for part in call):
            raise ValueError("segment call: a tensor that needs a gradient must come as a stream; use start().")
        tape = Tape(segment, [values_of(call) for call in calls], recompute)
        judged = self._visit(tape.parameters, segment)
        carried = any(isinstance(part, Stream) and part.carriers for call in calls for part in call)
        inputs: list[Tensor] = []
        if judged or carried:
            for call in calls:
                for part in call:
                    if isinstance(part, Stream) and part.value.requires_grad:
                        value, *carriers = self._fan_out(part)
                        inputs += [value, *carriers]
            flows = [list(of_call) for of_call in tasks]
        else:
            inputs = [part.value for call in calls for part in call
                      if isinstance(part, Stream) and part.value.requires_grad]
            flows = [["all"] for _ in calls]
        outputs = iter(_SegmentNode.apply(self._judge, tape, flows, *inputs, *tape.parameters))  # type: ignore[no-untyped-call]
        answers = []
        for of_call, of_flow, differentiable in zip(tasks, flows, tape.differentiable, strict=True):
            value, *carriers = [next(outputs) for _ in of_flow]
            answers.append(Stream(value, of_call, tuple(carriers)) if differentiable
                           else Stream(value.detach(), of_call))
        return answers

    def branch(self, stream: Stream, *tasks: str) -> Stream:
        """A stream whose gradients go back to where those of its tasks belong."""
        kept = tuple(task for task in stream.tasks if task in tasks)
        if not tasks or len(kept) < len(set(tasks)):
            raise ValueError(f"branch: expected some of {', '.join(stream.tasks)}, found {', '.join(tasks) or 'none'}.")
        if not stream.carriers or kept == stream.tasks:
            return Stream(stream.value, kept, stream.carriers)
        value, *carriers = _Branch.apply([stream.tasks.index(task) for task in kept], stream.value, *stream.carriers)  # type: ignore[no-untyped-call]
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
        """Notes the groups of the parameters; whether there are any. ValueError if another segment had one."""
        members = self.merger.groups.members(parameters)
        for group in members:
            if group in self._visited:
                raise ValueError(
                    f"streamed engine: {self.merger.groups.names[group]} is used by two segments, {_name(visitor)} and "
                    f"{_name(self._visited[group])}. Pass all streams through one run(), use a parameter that stands "
                    f"alone through alias(), or choose a finer granularity than {self.merger.groups.granularity}, or "
                    f"the stash engine.")
            self._visited[group] = visitor
        return bool(members)

    def _fan_out(self, stream: Stream) -> tuple[Tensor, ...]:
        """The stream's value and a carrier for each further task."""
        if stream.carriers or len(stream.tasks) < 2:
            return (stream.value, *stream.carriers)
        fanned: tuple[Tensor, ...] = _FanOut.apply(stream.value, len(stream.tasks))  # type: ignore[no-untyped-call]
        return fanned


class _Judge(NamedTuple):
    """What the nodes of a pass need. They must not hold the pass, which holds some of them: neither would be freed."""

    tasks: tuple[str, ...]
    merger: Merger
    report: Report
    step: int

    def merge(self, parameters: list[Tensor], gradients: list[Gradients]) -> Gradients:
        """The merged gradients of one segment's parameters."""
        return self.merger.merge(parameters, gradients, self.report, self.step)


def _name(visitor: Any) -> str:
    if isinstance(visitor, Tensor):
        return f"a parameter of shape {tuple(visitor.shape)}"
    function = getattr(visitor, "func", visitor)  # of a functools.partial
    return getattr(function, "__qualname__", type(function).__name__)


def _carriers(value: Tensor, count: int) -> tuple[Tensor, ...]:
    return tuple(value.new_zeros(()).expand_as(value) for _ in range(count))


class _FanOut(torch.autograd.Function):
    """A value and carriers; backward their sum."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, tasks: int) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        return (value.view_as(value), *_carriers(value, tasks - 1))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, None]:
        present = [cotangent for cotangent in cotangents if cotangent is not None]
        total = None
        for cotangent in present:
            total = cotangent if total is None else total + cotangent
        return total, None


class _Branch(torch.autograd.Function):
    """Some of a stream's tasks; backward each gradient to the slot of its task."""

    @staticmethod
    def forward(ctx: Any, slots: list[int], value: Tensor, *carriers: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.slots, ctx.size = slots, 1 + len(carriers)
        return (value.view_as(value), *_carriers(value, len(slots) - 1))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        slots: list[Tensor | None] = [None] * ctx.size
        for slot, cotangent in zip(ctx.slots, cotangents, strict=True):
            slots[slot] = cotangent
        return (None, *slots)


class _Aliases(torch.autograd.Function):
    """A view of a parameter for each task; backward the merged gradient."""

    @staticmethod
    def forward(ctx: Any, judge: _Judge, parameter: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.judge, ctx.parameter, ctx.merges_tasks, ctx.inputs = judge, parameter, True, 0
        return tuple(parameter.view_as(parameter) for _ in judge.tasks)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[None, Tensor | None]:
        return None, ctx.judge.merge([ctx.parameter], [[cotangent] for cotangent in cotangents])[0]


class _SegmentNode(torch.autograd.Function):
    """A segment's answers; backward one vector-Jacobian product per task, and the parameters' merged gradients."""

    @staticmethod
    def forward(ctx: Any, judge: _Judge, tape: Tape, flows: list[list[str]],
                *inputs: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.judge, ctx.tape, ctx.flows, ctx.merges_tasks = judge, tape, flows, True
        ctx.inputs = len(inputs) - len(tape.parameters)
        outputs: list[Tensor] = []
        for output, of_call in zip(tape.outputs, flows, strict=True):
            outputs += [output, *_carriers(output, len(of_call) - 1)]
        tape.outputs = []
        return tuple(outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        tape, judge = ctx.tape, ctx.judge
        tape.play()
        taken = iter(cotangents)
        slots = [{flow: next(taken) for flow in of_call} for of_call in ctx.flows]
        flows = [flow for flow in ("all", *judge.tasks) if any(slot.get(flow) is not None for slot in slots)]
        to_inputs: list[list[dict[str, Tensor | None]]] = [[{} for _ in leaves] for leaves in tape.leaves]
        of_tasks: dict[str, Gradients] = {}
        for flow in flows:
            calls = [call for call, slot in enumerate(slots) if slot.get(flow) is not None]
            to_leaves, of_tasks[flow] = tape.gradients(calls, [slots[call][flow] for call in calls], flow != flows[-1])
            for call, gradients in zip(calls, to_leaves, strict=True):
                for leaf, gradient in enumerate(gradients):
                    to_inputs[call][leaf][flow] = gradient
        tape.erase()
        answer = [leaf.get(flow) for of_call, leaves in zip(ctx.flows, to_inputs, strict=True)
                  for leaf in leaves for flow in of_call]
        nothing: Gradients = [None] * len(tape.parameters)
        if flows == ["all"]:
            return (None, None, None, *answer, *of_tasks["all"])
        gradients = [of_tasks.get(task, list(nothing)) for task in judge.tasks]
        return (None, None, None, *answer, *judge.merge(tape.parameters, gradients))
