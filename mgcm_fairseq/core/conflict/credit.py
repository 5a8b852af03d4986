"""Whether every gradient is credited to its own task, and every parameter in scope judged: looked up in the graph."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from torch import Tensor

from mgcm_fairseq.core.conflict.graph import LEAF, is_engines, node_of


def check_credit(losses: Mapping[str, Tensor], clear: Collection[object],
                 judged: Callable[[Tensor], bool]) -> list[Tensor]:
    """Follows each loss down to the inputs; returns the leaves in scope that are met outside all stages.

    Args:
        losses: of the tasks.
        clear: nodes below which there is nothing to find.
        judged: whether a leaf is in scope.
    Raises:
        ValueError: a loss reads the value of a stream, or an alias, of another task.
    """
    missed: dict[Tensor, None] = {}
    pending: list[tuple[Any, int, str | None]] = [(node_of(loss), loss.output_nr, task)
                                                  for task, loss in losses.items()]
    seen: set[Any] = set()
    while pending:
        node, output, label = pending.pop()
        if node is None or node in clear:
            continue
        if type(node) is LEAF:
            if judged(node.variable):
                missed[node.variable] = None
        elif is_engines(node):
            _check_owner(node.owners[output], label)
            if node not in seen:
                seen.add(node)
                pending += [(*edge, of_input) for edge, of_input in zip(node.next_functions, node.labels, strict=False)]
        elif node.name() == "_DDPSinkBackward":  # through which DDP passes every output
            pending.append((*node.next_functions[output], label))
        elif (node, label) not in seen:
            seen.add((node, label))
            pending += [(below, number, label) for below, number in node.next_functions]
    return list(missed)


def _check_owner(owner: str | None, label: str | None) -> None:
    if owner is None or owner == label:
        return
    if label is None:
        raise ValueError(f"streamed engine: expected that a stream of several tasks starts from what no stage has "
                         f"judged, found one that starts from the value of a stream of {owner}. Pass that stream "
                         f"itself through run(), or detach its value.")
    raise ValueError(f"streamed engine: expected that the loss of {label} reads streams and aliases of {label}, found "
                     f"that it reads one whose gradient is credited to {owner}. Read branch(stream, {label!r}).value, "
                     f"or alias(parameter, {label!r}).")
