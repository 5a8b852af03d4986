"""One forward pass of the streamed engine: streams through stages, each a node of the graph."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from torch import Tensor, nn

from mgcm_fairseq.core.conflict.graph import leaves_below
from mgcm_fairseq.core.conflict.halves import halves_of, join_rows, split_rows
from mgcm_fairseq.core.conflict.merge import Merger
from mgcm_fairseq.core.conflict.replay import StatisticsKept
from mgcm_fairseq.core.conflict.report import Report
from mgcm_fairseq.core.conflict.streamed_nodes import Aliases, Branch, FanOut, Judge, StageNode, only
from mgcm_fairseq.core.conflict.streams import Stage, Stream, tasks_of, values_of
from mgcm_fairseq.core.conflict.tape import Tape, stage_name


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
        self._judge = Judge(self.tasks, merger, report, step, {})
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
        parts = [halves_of(call, self.merger.halves) for call in calls]
        with again:
            tape = Tape(stage, [part for of_call in parts for part in of_call], recompute)
        if self._visit(tape.parameters, stage) or carried:
            flows = tasks
            fanned = [value for part in inputs for value in self._fan_out(part)]
            labels: tuple[str | None, ...] = tuple(task for part in inputs for task in part.tasks)
        else:
            self._unjudged.add(_key(stage))
            flows, labels = [("all",) for _ in calls], tuple(only(part.tasks) for part in inputs)
            fanned = [part.value for part in inputs]
        played = iter(range(len(tape.differentiable)))
        numbers = [[next(played) for _ in of_call] for of_call in parts]
        outputs = iter(StageNode.apply(self._judge, tape, numbers, tasks, flows, labels, *fanned, *tape.parameters))  # type: ignore[no-untyped-call]  # of torch, which is not typed
        differentiables = [tape.differentiable[first] for first, *_ in numbers]
        streams = []
        for of_call, of_flow, differentiable in zip(tasks, flows, differentiables, strict=True):
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
        value, *carriers = Branch.apply(self._judge, kept, stream.tasks, stream.value, *stream.carriers)  # type: ignore[no-untyped-call]  # of torch, which is not typed
        return Stream(value, kept, tuple(carriers))

    def alias(self, parameter: Tensor, task: str) -> Tensor:
        """A view for the task; the views' gradients are merged when all are there."""
        if self.merger.halves > 1 and self.merger.groups.of(parameter) is not None:
            raise ValueError("streamed engine: expected that a parameter of several places is used through by_rows(), "
                             "since the rule reads gradients of half batches, found alias().")
        return self._alias(parameter, task, 0)

    def by_rows(self, function: Callable[..., Tensor], parameters: Sequence[Tensor], task: str,
                *rows: Tensor) -> Tensor:
        """The function of each half's rows and of views for it."""
        halves = zip(*(split_rows(part, self.merger.halves) for part in rows), strict=True)
        return join_rows([function(*of_half, *(self._alias(parameter, task, half) for parameter in parameters))
                          for half, of_half in enumerate(halves)])

    def _alias(self, parameter: Tensor, task: str, half: int) -> Tensor:
        if task not in self.tasks:
            raise ValueError(f"alias: expected one of {', '.join(self.tasks)}, found {task!r}.")
        if not parameter.requires_grad or self.merger.groups.of(parameter) is None:
            return parameter
        if parameter not in self._aliases:
            self._visit([parameter], parameter)
            self._aliases[parameter] = Aliases.apply(self._judge, parameter)  # type: ignore[no-untyped-call]  # of torch, which is not typed
        return self._aliases[parameter][self.tasks.index(task) * self.merger.halves + half]

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
        fanned: tuple[Tensor, ...] = FanOut.apply(self._judge, stream.tasks, stream.value)  # type: ignore[no-untyped-call]  # of torch, which is not typed
        return fanned


def _name(visitor: Any) -> str:
    if isinstance(visitor, Tensor):
        return f"a parameter of shape {tuple(visitor.shape)}"
    return stage_name(visitor)


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
