"""One stage's local graph: run once, and differentiated once for every task."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import _engine_run_backward, get_gradient_edge

from mgcm_fairseq.core.conflict.graph import leaves_below
from mgcm_fairseq.core.conflict.replay import ForwardState, StatisticsKept


class Tape:
    """Answers of a stage and the graphs between them and detached copies of its inputs."""

    def __init__(self, stage: Callable[..., Tensor], calls: Sequence[Sequence[Any]], recompute: bool) -> None:
        """Runs the stage on each call's values; with `recompute` drops the graphs, to make them again when needed.

        Raises:
            ValueError: the stage reads a stream that is not among its arguments.
        """
        self._stage = stage
        self._calls = calls
        self._state = ForwardState(calls) if recompute else None
        self.leaves, answers = self._run()
        leaves, streams = leaves_below(answers)
        if streams:
            raise ValueError(f"stage {stage_name(stage)}: expected that it reads its parameters and the streams "
                             f"of its call, found the value of another stream or alias. Pass it as an argument.")
        own = {id(leaf) for of_call in self.leaves for leaf in of_call}
        self.parameters = [leaf for leaf in leaves if id(leaf) not in own]
        self.outputs = [answer.detach() for answer in answers]
        self.differentiable = [answer.requires_grad for answer in answers]
        self._edges = _edges(answers)
        self.erased = False
        if recompute:
            self.leaves, self._edges = [], []
        else:
            self._calls = []

    def _run(self) -> tuple[list[list[Tensor]], list[Tensor]]:
        leaves, answers = [], []
        with torch.enable_grad():
            for call in self._calls:
                values = [part.detach().requires_grad_() if isinstance(part, Tensor) and part.requires_grad else part
                          for part in call]
                leaves.append([part for part in values if isinstance(part, Tensor) and part.requires_grad])
                answers.append(self._stage(*values))
        return leaves, answers

    def play(self) -> None:
        """Makes the graphs again if they were dropped. RuntimeError in a second backward pass."""
        if self.erased:
            raise RuntimeError("streamed engine: expected one backward pass through a loss, found a second one. Its "
                               "stages are freed as they are differentiated, whatever retain_graph says: run the "
                               "model again and join its losses.")
        if self._state is not None:
            with self._state.restored(), StatisticsKept(self._stage):
                self.leaves, answers = self._run()
            self._edges = _edges(answers)

    def gradients(self, calls: Sequence[int], cotangents: Sequence[Tensor],
                  keep: bool) -> tuple[list[list[Tensor | None]], list[Tensor | None]]:
        """Vector-Jacobian products of each call's leaves and of all parameters; `keep` the graphs for another task."""
        leaves = [leaf for call in calls for leaf in self.leaves[call]]
        found = iter(_engine_run_backward(tuple([self._edges[call] for call in calls]), tuple(cotangents), keep, False,
                                          (*leaves, *self.parameters), allow_unreachable=True, accumulate_grad=False))
        return [[next(found) for _ in self.leaves[call]] for call in calls], list(found)

    def erase(self) -> None:
        """Frees the graphs."""
        self.leaves, self._edges, self._calls = [], [], []
        self.erased = True


def _edges(answers: Sequence[Tensor]) -> list[Any]:
    """Where the graphs of the answers begin: keeps the graphs but not the answers' memory. None where there is none."""
    return [get_gradient_edge(answer) if answer.requires_grad else None for answer in answers]


@contextmanager
def hooks_held(parameters: Sequence[Tensor]) -> Iterator[None]:
    """Tensor hooks of the parameters do not run inside: they are for the merged gradient, not for that of a task."""
    held = [(hooks, dict(hooks)) for parameter in parameters if (hooks := parameter._backward_hooks)]
    for hooks, _ in held:
        hooks.clear()
    try:
        yield
    finally:
        for hooks, kept in held:
            hooks.update(kept)


def stage_name(stage: Any) -> str:
    """What a message calls a stage."""
    function = getattr(stage, "func", stage)  # of a functools.partial
    return getattr(function, "__qualname__", type(function).__name__)
