"""What others do, each in its usual form, to measure against. None of this is for training."""

import random
from collections.abc import Callable

import torch
from torch import Tensor

from mgcm_fairseq.benchmarks.conflict.workload import Workload
from mgcm_fairseq.core.conflict import PLAIN


def published(workload: Workload) -> Callable[[], None]:
    """The semantics of the code published with arXiv 2409.15911.

    A backward pass and a clone of all gradients for every task, another copy of the primary's, and a decision in Python
    for every parameter tensor and auxiliary.
    """
    def step() -> None:
        of_tasks = _task_gradients(workload)
        primary = [None if gradient is None else gradient.clone() for gradient in of_tasks[0]]
        for auxiliary in of_tasks[1:]:
            for g_0, g_a in zip(primary, auxiliary, strict=True):
                if g_0 is not None and g_a is not None:
                    dot = torch.dot(g_0.flatten(), g_a.flatten())
                    if dot < 0:
                        g_a.sub_(dot / g_0.square().sum() * g_0)
        for parameter, *gradients in zip(workload.parameters, *of_tasks, strict=True):
            parameter.grad = sum(gradient for gradient in gradients if gradient is not None)
    return step


def whole_model_pcgrad(workload: Workload) -> Callable[[], None]:
    """PCGrad (Yu et al. 2020, Algorithm 1) on the flattened gradients of all tasks, each against all others."""
    def step() -> None:
        of_tasks = [torch.cat([_or_zeros(gradient, parameter).flatten()
                               for gradient, parameter in zip(gradients, workload.parameters, strict=True)])
                    for gradients in _task_gradients(workload)]
        projected = [flat.clone() for flat in of_tasks]
        for task, g_i in enumerate(projected):
            for other in random.sample([index for index in range(len(of_tasks)) if index != task], len(of_tasks) - 1):
                dot = torch.dot(g_i, of_tasks[other])
                if dot < 0:
                    g_i.sub_(dot / of_tasks[other].square().sum() * of_tasks[other])
        merged = torch.stack(projected).sum(0)
        sizes = [parameter.numel() for parameter in workload.parameters]
        for parameter, gradient in zip(workload.parameters, merged.split(sizes), strict=True):
            parameter.grad = gradient.view_as(parameter).clone()
    return step


def torchjd(workload: Workload) -> Callable[[], None]:
    """TorchJD's Jacobians, one task at a time, and its PCGrad for every module."""
    from torchjd.aggregation import PCGrad
    from torchjd.autojac import backward, jac_to_grad

    modules = [list(module.parameters(recurse=False)) for module in workload.network.modules()]

    def step() -> None:
        backward(list(workload.losses(PLAIN).values()), inputs=workload.parameters, parallel_chunk_size=1)
        for parameters in modules:
            reached = [parameter for parameter in parameters if hasattr(parameter, "jac")]
            if reached:
                jac_to_grad(reached, PCGrad())
    return step


def three_gradients(workload: Workload) -> Callable[[], None]:
    """The gradient of each task and nothing done with it: no method can call fewer operators. Leaves no gradient."""
    def step() -> None:
        losses = list(workload.losses(PLAIN).values())
        for index, loss in enumerate(losses):
            torch.autograd.grad(loss, workload.parameters, retain_graph=index < len(losses) - 1, allow_unused=True)
    return step


def _task_gradients(workload: Workload) -> list[list[Tensor | None]]:
    losses = list(workload.losses(PLAIN).values())
    of_tasks: list[list[Tensor | None]] = []
    for index, loss in enumerate(losses):
        workload.clear()
        loss.backward(retain_graph=index < len(losses) - 1)
        of_tasks.append([None if parameter.grad is None else parameter.grad.clone()
                         for parameter in workload.parameters])
    return of_tasks


def _or_zeros(gradient: Tensor | None, parameter: Tensor) -> Tensor:
    return torch.zeros_like(parameter) if gradient is None else gradient
