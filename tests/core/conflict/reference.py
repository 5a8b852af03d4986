"""MGCM written once more, from the paper alone and without our code: a backward pass a task and loops over groups."""

import torch


def task_gradients(model, losses):
    """task -> parameter name -> gradient, or None where the task does not reach it."""
    named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    return {task: dict(zip(named, torch.autograd.grad(loss, list(named.values()), retain_graph=True, allow_unused=True),
                           strict=True))
            for task, loss in losses.items()}


def plain_sum(model, losses):
    """Parameter name -> the sum of the tasks' gradients, or None where no task reaches it."""
    found = task_gradients(model, losses).values()
    sums = {}
    for name in next(iter(found)):
        present = [of_task[name] for of_task in found if of_task[name] is not None]
        sums[name] = sum(present) if present else None
    return sums


def flattened(model, gradients, names):
    """One vector in float64 of one task's gradients, with zeros for what is absent."""
    return torch.cat([torch.zeros_like(model.get_parameter(name), dtype=torch.float64).flatten()
                      if gradients[name] is None else gradients[name].double().flatten() for name in names])


def mgcm_by(model, losses, label):
    """Parameter name -> merged gradient (arXiv 2409.15911, Algorithm 1), and the number of conflicts.

    Parameters whose names have equal labels are judged together; those with the label None keep their plain sum.
    """
    (primary, *auxiliaries) = task_gradients(model, losses).values()
    groups = {}
    for name in primary:
        groups.setdefault(label(name), []).append(name)
    merged, conflicts = {}, 0
    for group, names in groups.items():
        g_p = flattened(model, primary, names)
        total = g_p.clone()
        for auxiliary in auxiliaries:
            g_a = flattened(model, auxiliary, names)
            if group is not None and g_p @ g_a < 0:
                g_a = g_a - (g_p @ g_a) / (g_p @ g_p) * g_p
                conflicts += 1
            total += g_a
        start = 0
        for name in names:
            parameter = model.get_parameter(name)
            merged[name] = total[start:start + parameter.numel()].view_as(parameter)
            start += parameter.numel()
    return merged, conflicts


def module_of(name):
    """The module that owns a parameter; a tied parameter counts where its first name is."""
    return name.rpartition(".")[0]


def mgcm_by_module(model, losses):
    """The paper's: every module is judged alone."""
    return mgcm_by(model, losses, module_of)
