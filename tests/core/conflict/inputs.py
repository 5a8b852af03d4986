"""Random gradients of T tasks, (T, D) in float64, with the structure that rules stumble over."""

import torch
from hypothesis import strategies as st

SCALES = (1e-15, 1e-6, 1.0, 1e6, 1e15)


def gramian(gradients_TD):
    """(1, T, T), for one group."""
    return (gradients_TD @ gradients_TD.T)[None]


def _parallel(g):
    return g[:1] * torch.linspace(1, 2, len(g)).to(g)[:, None]


def _opposite(g):
    return g[:1] * torch.tensor([1.0] + [-0.5 * task for task in range(1, len(g))]).to(g)[:, None]


def _orthogonal(g):
    return torch.eye(len(g), max(g.shape), dtype=g.dtype) * g.norm()


def _without(task):
    return lambda g: g * (torch.arange(len(g)) != task % len(g))[:, None]


STRUCTURES = {
    "random": lambda g: g,
    "parallel": _parallel,
    "opposite": _opposite,
    "orthogonal": _orthogonal,
    "deficient": lambda g: torch.cat([g[:-1], g[:-1].sum(0, keepdim=True) * -0.7]),
    "uneven": lambda g: g * torch.logspace(3, -3, len(g)).to(g)[:, None],
    "no primary": _without(0),
    "no auxiliary": _without(1),
    "nothing": torch.zeros_like,
}


def drawn(structure="random", tasks=3, dim=6, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * STRUCTURES[structure](torch.randn(tasks, dim, generator=generator, dtype=torch.float64))


def gradients(structures=tuple(STRUCTURES), tasks=(2, 3, 4)):
    """A Hypothesis strategy for all of them at all scales."""
    return st.builds(drawn, st.sampled_from(structures), st.sampled_from(tasks), st.integers(1, 12),
                     st.integers(0, 10_000), st.sampled_from(SCALES))
