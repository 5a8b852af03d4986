"""Where a gradient that is not finite comes from: the step once more, task by task, without rule and workers."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from fairseq.distributed import utils as distributed
from torch import Tensor, nn

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.data.batch import Batch


class Finding(NamedTuple):
    """The first value that is not finite, and the utterances of its batch; `what` is empty where there is none."""

    what: str
    utterances: list[int]  # indices in the training set


def search(model: nn.Module, criterion: Any, given: Sequence[Batch], amp: bool) -> Finding:
    """Looks at the weights, then at each micro-batch: outputs of modules, losses, gradients. Changes no gradient.

    It raises nothing, since the other workers wait for what it finds.

    Args:
        model: without data-parallel wrappers.
        criterion: with a loss for each task.
        given: the micro-batches of the update, on the model's device.
        amp: whether the forward pass runs under --amp.
    """
    batches = [batch for batch in given if batch and not batch["filler"]]
    for name, parameter in model.named_parameters():
        if value := _not_finite(parameter):
            return Finding(f"{value} among the weights {_short(name)}", [])
    for batch in batches:
        try:
            what = _in_batch(model, criterion, batch, amp)
        except Exception as error:  # no memory for the gradients of all tasks, or whatever the values lead to
            reason = (str(error).splitlines() or [""])[0]
            what = f"a step that could not be looked at once more ({type(error).__name__}: {reason})"
        if what:
            return Finding(what, batch["id"].tolist())
    return Finding("", [index for batch in batches for index in batch["id"].tolist()])


def explanation(found: Finding, update: int, cause: str, names: Sequence[str]) -> InputError:
    """What to tell the user, the same on every worker; to be called by all of them.

    Args:
        found: this worker's.
        update: counted from 1.
        cause: what fairseq says.
        names: the ids of the training set's utterances.
    """
    lines = [found.what, ", ".join(names[index] for index in found.utterances)]
    everyone: list[Any] = [lines]
    workers = distributed.get_data_parallel_world_size() if torch.distributed.is_initialized() else 1
    if workers > 1:
        everyone = [None] * workers
        torch.distributed.all_gather_object(everyone, lines, group=distributed.get_data_parallel_group())
    named = ["" if workers == 1 else f" on worker {worker}" for worker in range(workers)]
    told = [f"{what}{worker}" + (f", in the batch of the utterances {ids}" if ids else "")
            for (what, ids), worker in zip(everyone, named, strict=True) if what]
    if not told:
        ids = "; ".join(ids for _, ids in everyone if ids)
        told = [f"{cause!r}, though each task's own losses and gradients are finite, in the batch of the utterances "
                f"{ids}"]
    return InputError(f"update {update}", "finite gradients", "; ".join(told),
                      "Listen to these utterances and read their texts; if they are fine, lower --lr or raise "
                      "--warmup-updates. crash.pt in --save-dir has the weights before this update.")


def _in_batch(model: nn.Module, criterion: Any, batch: Batch, amp: bool) -> str:
    if value := _not_finite(batch["net_input"]["src_tokens"]):
        return f"{value} in the audio"
    names = {id(parameter): name for name, parameter in model.named_parameters() if parameter.requires_grad}
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    with _watched(model) as (ran, outputs), torch.autocast("cuda", torch.float16, enabled=amp):
        losses: dict[str, Tensor] = criterion.by_task(model, batch, PLAIN)[0]
    for task, loss in losses.items():
        if value := _not_finite(loss):
            first = f", first in the output of {outputs[0]}" if outputs else ""
            return f"{value} in the loss of task {task}{first}"
    for task, loss in losses.items():
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        bad = {_short(names[id(parameter)]).rpartition(".")[0]: value
               for parameter, gradient in zip(parameters, gradients, strict=True)
               if gradient is not None and (value := _not_finite(gradient))}
        if bad:
            first = max(bad, key=lambda name: ran.get(name, -1))
            return f"{bad[first]} in the gradient of task {task}, on its way back first in {first}"
    return ""


@contextmanager
def _watched(model: nn.Module) -> Iterator[tuple[dict[str, int], list[str]]]:
    """Modules with weights of their own by when they ran last, and those whose outputs were not finite, in order."""
    ran: dict[str, int] = {}
    outputs: list[str] = []
    count = itertools.count()

    def watch(name: str) -> Any:
        def hook(module: nn.Module, arguments: Any, output: Any) -> None:
            ran[name] = next(count)
            if isinstance(output, Tensor) and _not_finite(output):
                outputs.append(name)

        return hook

    handles = [module.register_forward_hook(watch(_short(name))) for name, module in model.named_modules()
               if next(module.parameters(recurse=False), None) is not None]
    try:
        yield ran, outputs
    finally:
        for handle in handles:
            handle.remove()


def _not_finite(values: Tensor) -> str:
    """nan or inf, whichever is there; empty for finite values."""
    if not values.is_floating_point() or bool(values.detach().isfinite().all()):
        return ""
    return "nan" if bool(values.detach().isnan().any()) else "inf"


def _short(name: str) -> str:
    return name.removeprefix("network.")
