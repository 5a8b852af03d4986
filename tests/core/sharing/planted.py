"""Gradients with planted directions: what languages share, what groups share, and noise of a known size."""

import torch


def gradients(groups, own=1.0, noise=8.0, batches=32, size=256, draws=1, seed=0):
    """(draws, L K, size) gradients of languages that pull a common way and, `own` times as strongly, their group's.

    The signal has length 1; `noise` is the length of what is added to it. `groups` names the group of each language.
    """
    generator = torch.Generator().manual_seed(seed)
    names = sorted(set(groups))

    def directions(count):
        return torch.randn(draws, count, size, generator=generator) / size**0.5

    signal = own * directions(len(names))[:, [names.index(name) for name in groups]] + directions(1)
    signal = signal / signal.norm(dim=2, keepdim=True)
    scatter = torch.randn(draws, len(groups), batches, size, generator=generator) / size**0.5
    return (signal[:, :, None] + noise * scatter).flatten(1, 2)


def gramians(*args, **kwargs):
    """(draws, L K, L K) of `gradients`."""
    found = gradients(*args, **kwargs)
    return (found @ found.transpose(1, 2)).double()
