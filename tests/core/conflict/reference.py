"""MGCM written once more, from the paper alone and without our code: three backward passes and loops over modules."""

import torch


def task_gradients(model, losses):
    """task -> parameter name -> gradient, or None where the task does not reach it."""
    named = dict(model.named_parameters())
    return {task: dict(zip(named, torch.autograd.grad(loss, list(named.values()), retain_graph=True, allow_unused=True),
                           strict=True))
            for task, loss in losses.items()}


def mgcm_by_module(model, losses):
    """Parameter name -> merged gradient (arXiv 2409.15911, Algorithm 1), and the number of conflicts."""
    (primary, *auxiliaries) = task_gradients(model, losses).values()
    merged, conflicts = {}, 0
    for path, module in model.named_modules():
        names = [f"{path}.{name}" if path else name for name, _ in module.named_parameters(recurse=False)]
        names = [name for name in names if name in primary]  # a tied parameter counts where it comes first

        def flat(gradients, names=names):
            parts = [gradients[n] if gradients[n] is not None else torch.zeros_like(model.get_parameter(n))
                     for n in names]
            return torch.cat([part.flatten() for part in parts])

        if not names:
            continue
        g_p = flat(primary)
        total = g_p.clone()
        for auxiliary in auxiliaries:
            g_a = flat(auxiliary)
            if g_p @ g_a < 0:
                g_a = g_a - (g_p @ g_a) / (g_p @ g_p) * g_p
                conflicts += 1
            total += g_a
        start = 0
        for name in names:
            parameter = model.get_parameter(name)
            merged[name] = total[start:start + parameter.numel()].view_as(parameter)
            start += parameter.numel()
    return merged, conflicts
