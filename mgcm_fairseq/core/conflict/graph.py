"""Walks through autograd's graphs, and what the nodes of an engine tell those who meet them."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import get_gradient_edge

LEAF: Any = torch._C._functions.AccumulateGrad  # type: ignore[attr-defined]  # torch does not declare it
"""The type of node that a leaf's gradient ends in. To ask for the type is cheaper than for an attribute."""


_PYTHONS: dict[type, bool] = {}  # type of a node -> whether it is of a torch.autograd.Function in Python


def is_engines(node: Any) -> bool:
    """Whether an engine made the node: one that has `owners`, the task of each output's gradient, None for all tasks,
    and `labels`, the same for those of its inputs that are streams, which come first.
    """
    kind = type(node)
    python = _PYTHONS.get(kind)
    if python is None:  # asked once for each type: a model's graph has thousands of nodes
        python = _PYTHONS[kind] = issubclass(kind, BackwardCFunction)
    return python and hasattr(node, "owners")


def node_of(tensor: Tensor) -> Any:
    """The node that the tensor's gradient goes to, also where the tensor is a leaf; None where there is none."""
    return tensor.grad_fn or (get_gradient_edge(tensor).node if tensor.requires_grad else None)


def leaves_below(outputs: Sequence[Tensor], known: Iterable[Any] = ()) -> tuple[list[Tensor], list[Any]]:
    """The leaves that the graphs of the outputs end in, and the engine's nodes that they reach, each once.

    Does not look below those nodes nor below the nodes `known`.
    """
    seen: set[Any] = {None, *known}
    pending: list[Any] = [node for node in dict.fromkeys(map(node_of, outputs)) if node not in seen]
    seen.update(pending)
    leaves: list[Tensor] = []
    engines: list[Any] = []
    while pending:
        node = pending.pop()
        kind = type(node)
        if kind is LEAF:
            leaves.append(node.variable)
        elif _PYTHONS.get(kind) is not False and is_engines(node):
            engines.append(node)
        else:
            for below, _ in node.next_functions:
                if below not in seen:
                    seen.add(below)
                    pending.append(below)
    return leaves, engines
