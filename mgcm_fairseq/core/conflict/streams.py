"""Streams: how a model is written once, for ordinary training and for the streamed engine.

A stream is a tensor on its way through the network and the tasks that use it. A model passes streams through stages:

    streams = passing.run(layer, [(speech, speech_mask), (text, text_mask)])

Whoever passes decides what that means: `Plain` calls the stage on each stream's tensor, and autograd does the rest.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from mgcm_fairseq.core.conflict.replay import StatisticsKept


@dataclass(frozen=True)
class Stream:
    """A value and the tasks it serves; the first task's gradient is the value's own."""

    value: Tensor
    tasks: tuple[str, ...] = ()
    carriers: tuple[Tensor, ...] = ()  # one for each further task: zeros without memory that bring its gradient back


Stage = Callable[..., Tensor]


class Passing(Protocol):
    """What a model needs for a forward pass."""

    def start(self, value: Tensor, tasks: Sequence[str] = ()) -> Stream:
        """A stream for the tasks that will use it; all later branches are among them."""

    def run(self, stage: Stage, calls: Sequence[tuple[Any, ...]], recompute: bool = False) -> list[Stream]:
        """stage(*call) for every call, whose streams are replaced by their values; a stream for each answer.

        Run all streams that pass through the same parameters in one call. What a stage reads and needs a gradient
        must be its own parameter or among the streams of its call, which must all have the same tasks.

        Args:
            stage: answers a tensor for the arguments of a call.
            calls: arguments: streams, and anything that needs no gradient.
            recompute: keep no activations inside the stage, run it once more in the backward pass (for all tasks).
        """

    def branch(self, stream: Stream, *tasks: str) -> Stream:
        """The stream for some of its tasks."""

    def alias(self, parameter: Tensor, task: str) -> Tensor:
        """The parameter for use by one task outside all stages: for one that is used in many places."""

    def by_rows(self, function: Callable[..., Tensor], parameters: Sequence[Tensor], task: str,
                *rows: Tensor) -> Tensor:
        """function(*rows, *parameters): the same for a rule that reads gradients of half batches, too.

        Args:
            function: answers a row for each row of its first arguments, by itself.
            parameters: used by this task here, and in other places.
            rows: tensors with a row for each utterance of the batch.
        """


class Plain:
    """Ordinary autograd: evaluation, single-task training, sums of losses, and the stash engine."""

    def start(self, value: Tensor, tasks: Sequence[str] = ()) -> Stream:
        """A stream of the value."""
        return Stream(value, tuple(tasks))

    def run(self, stage: Stage, calls: Sequence[tuple[Any, ...]], recompute: bool = False) -> list[Stream]:
        """Calls the stage on each call's values."""
        return [Stream(_apply(stage, values_of(call), recompute), tasks_of(call)) for call in calls]

    def branch(self, stream: Stream, *tasks: str) -> Stream:
        """The same value."""
        return Stream(stream.value, tasks)

    def alias(self, parameter: Tensor, task: str) -> Tensor:
        """The parameter itself."""
        return parameter

    def by_rows(self, function: Callable[..., Tensor], parameters: Sequence[Tensor], task: str,
                *rows: Tensor) -> Tensor:
        """Calls the function."""
        return function(*rows, *parameters)


class Recomputing:
    """Another passing, without activations kept inside stages (activation checkpointing)."""

    def __init__(self, passing: Passing) -> None:
        self.start, self.branch, self._run = passing.start, passing.branch, passing.run
        self.alias, self.by_rows = passing.alias, passing.by_rows

    def run(self, stage: Stage, calls: Sequence[tuple[Any, ...]], recompute: bool = True) -> list[Stream]:
        """As the other passing's, with recomputation."""
        return self._run(stage, calls, True)


PLAIN = Plain()


def values_of(call: Sequence[Any]) -> list[Any]:
    """The arguments of a call with streams replaced by their values."""
    return [part.value if isinstance(part, Stream) else part for part in call]


def tasks_of(call: Sequence[Any]) -> tuple[str, ...]:
    """The tasks of the call's streams; ValueError if they differ or there is no stream."""
    tasks = {part.tasks for part in call if isinstance(part, Stream)}
    if len(tasks) != 1:
        raise ValueError(f"stage call: expected streams of the same tasks, found {sorted(tasks)}; branch them first.")
    return tasks.pop()


def _apply(stage: Stage, values: list[Any], recompute: bool) -> Tensor:
    if not recompute:
        return stage(*values)
    from torch.utils.checkpoint import checkpoint

    answer: Tensor = checkpoint(stage, *values, use_reentrant=False,
                                context_fn=lambda: (nullcontext(), StatisticsKept(stage)))
    return answer
