"""One segment's local graph: run once, differentiated once for every task, and looked through for its parameters."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge


class Tape:
    """Answers of a segment and the graphs between them and detached copies of its inputs."""

    def __init__(self, segment: Callable[..., Tensor], calls: Sequence[Sequence[Any]], recompute: bool) -> None:
        """Runs the segment on each call's values; with `recompute` drops the graphs, to make them again when needed."""
        self._segment = segment
        self._calls = calls
        self._state = _RandomState(calls) if recompute else None
        self.leaves, answers = self._run()
        self.parameters = list(dict.fromkeys(leaf for leaf in _leaves_below(answers)
                                             if not any(leaf is own for of_call in self.leaves for own in of_call)))
        self.outputs = [answer.detach() for answer in answers]
        self.differentiable = [answer.requires_grad for answer in answers]
        self._edges = _edges(answers)
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
                answers.append(self._segment(*values))
        return leaves, answers

    def play(self) -> None:
        """Makes the graphs again if they were dropped."""
        if self._state is not None:
            with self._state.restored():
                self.leaves, answers = self._run()
            self._edges = _edges(answers)

    def gradients(self, calls: Sequence[int], cotangents: Sequence[Tensor],
                  keep: bool) -> tuple[list[list[Tensor | None]], list[Tensor | None]]:
        """Vector-Jacobian products of each call's leaves and of all parameters; `keep` the graphs for another task."""
        leaves = [leaf for call in calls for leaf in self.leaves[call]]
        found = iter(torch.autograd.grad([self._edges[call] for call in calls], leaves + self.parameters, cotangents,
                                         retain_graph=keep, allow_unused=True))
        return [[next(found) for _ in self.leaves[call]] for call in calls], list(found)

    def erase(self) -> None:
        """Frees the graphs."""
        self.leaves, self._edges, self._calls = [], [], []


def _edges(answers: Sequence[Tensor]) -> list[Any]:
    """Where the graphs of the answers begin: keeps the graphs but not the answers' memory. None where there is none."""
    return [get_gradient_edge(answer) if answer.requires_grad else None for answer in answers]


class _RandomState:
    """The random numbers and the autocast setting of a forward pass, for its repetition."""

    def __init__(self, calls: Sequence[Sequence[Any]]) -> None:
        devices = {part.device for call in calls for part in call if isinstance(part, Tensor)}
        self.device_type = next((device.type for device in devices if device.type != "cpu"), "cpu")
        self.devices = [device for device in devices if device.type == "cuda"]
        self.cpu = torch.get_rng_state()
        self.cuda = [torch.cuda.get_rng_state(device) for device in self.devices]
        self.autocast = torch.is_autocast_enabled(self.device_type)
        self.autocast_dtype = torch.get_autocast_dtype(self.device_type)

    @contextmanager
    def restored(self) -> Iterator[None]:
        """The saved state holds inside; afterwards the present one does again."""
        with torch.random.fork_rng(self.devices):
            torch.set_rng_state(self.cpu)
            for device, state in zip(self.devices, self.cuda, strict=True):
                torch.cuda.set_rng_state(state, device)
            with torch.autocast(self.device_type, self.autocast_dtype, self.autocast):
                yield


def _leaves_below(answers: Sequence[Tensor]) -> Iterator[Tensor]:
    """Leaf tensors that the answers' graphs end in, each once for every way to it."""
    for node in _nodes_below(answers):
        if hasattr(node, "variable"):
            yield node.variable


def bypassing_parameters(total: Tensor) -> set[Tensor]:
    """Leaves that the graph of `total` reaches other than through a segment or an alias."""
    return {node.variable for node in _nodes_below([total]) if hasattr(node, "variable")}


def _nodes_below(outputs: Sequence[Tensor]) -> Iterator[Any]:
    """Every node of the graphs once; a node that merges tasks has parameters behind its first `inputs`: left out."""
    pending: list[Any] = [output.grad_fn for output in outputs if output.grad_fn is not None]
    seen = set(pending)
    while pending:
        node = pending.pop()
        yield node
        below = [entry for entry, _ in node.next_functions]
        for entry in below[:node.inputs] if hasattr(node, "merges_tasks") else below:
            if entry is not None and entry not in seen:
                seen.add(entry)
                pending.append(entry)
