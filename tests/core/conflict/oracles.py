"""PCGrad and GradVac written once more, on explicit gradients and as in their papers' pseudo-code."""

import math
from random import Random


def orders(tasks, seed, step):
    """How our rules draw their order: one Random a step, seeded "seed/step"; task i meets a sample of the others."""
    random = Random(f"{seed}/{step}")
    return [(i, random.sample([j for j in range(tasks) if j != i], tasks - 1)) for i in range(tasks)]


def pcgrad(gradients_TD, seed=0, step=0):
    """arXiv 2001.06782, Algorithm 1."""
    changed = gradients_TD.clone()
    for i, others in orders(len(gradients_TD), seed, step):
        for j in others:
            dot = changed[i] @ gradients_TD[j]
            if dot < 0:
                changed[i] -= dot / (gradients_TD[j] @ gradients_TD[j]) * gradients_TD[j]
    return changed.sum(0)


class GradVac:
    """arXiv 2010.05874, Algorithm 1 and Eq. 2, for one group."""

    def __init__(self, tasks, seed=0, beta=0.01):
        self.targets = [[0.0] * tasks for _ in range(tasks)]
        self.seed, self.beta = seed, beta

    def __call__(self, gradients_TD, step):
        changed = gradients_TD.clone()
        for i, others in orders(len(gradients_TD), self.seed, step):
            for j in others:
                g_i, g_j, p = changed[i], gradients_TD[j], self.targets[i][j]
                phi = (g_i @ g_j / (g_i.norm() * g_j.norm())).item()
                if phi < p:
                    factor = g_i.norm() * (p * math.sqrt(1 - phi**2) - phi * math.sqrt(1 - p**2))
                    changed[i] = g_i + factor / (g_j.norm() * math.sqrt(1 - p**2)) * g_j
                self.targets[i][j] = (1 - self.beta) * p + self.beta * phi
        return changed.sum(0)
