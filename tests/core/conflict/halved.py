"""The toy's losses on each half of its batch, and a rule that writes down what it is given."""

import torch

from mgcm_fairseq.core.conflict import PLAIN
from tests.core.conflict.reference import flattened, task_gradients
from tests.core.conflict.toy import TASKS, toy


class Watching:
    """Reads Gramians of half gradients and changes nothing."""

    whole_gramian, halves, stateful = True, True, False

    def __init__(self):
        self.seen = {}

    def __call__(self, gramian_NSS, groups, step):
        self.seen |= dict(zip(groups, gramian_NSS, strict=True))
        return torch.eye(gramian_NSS.size(1) // 2).to(gramian_NSS).expand(len(groups), -1, -1)


class Halved:
    """The toy with a batch of so many utterances."""

    def __init__(self, utterances=5, seed=3):
        self.model, _ = toy(seed)
        torch.manual_seed(seed)
        self.batch = (torch.randn(utterances, 7, 8).double(), torch.randint(11, (utterances, 5)),
                      torch.randint(11, (utterances, 5)))
        first = (utterances + 1) // 2
        self.halves = [slice(0, first), slice(first, utterances)]

    def losses(self, passing=PLAIN):
        return self.model(*self.batch, passing)

    def of_half(self, half, passing=PLAIN):
        """Task -> its part of the loss, which is a mean over the batch."""
        part = [rows[self.halves[half]] for rows in self.batch]
        share = len(part[0]) / len(self.batch[0])
        return {task: loss * share for task, loss in self.model(*part, passing).items()} if share else None

    def join(self, engine):
        """The loss of the engine, which is given what it needs."""
        if hasattr(engine, "_unjudged"):
            return engine.join(self.losses(engine.streams()))
        return engine.join(*[half for half in map(self.of_half, (0, 1)) if half])

    def gramians(self, label):
        """Label of parameters' names -> (6, 6), by plain autograd."""
        halves = [task_gradients(self.model, self.of_half(half)) for half in (0, 1)]
        groups = {}
        for name, _ in self.model.named_parameters():
            groups.setdefault(label(name), []).append(name)
        found = {}
        for group, names in groups.items():
            rows = torch.stack([flattened(self.model, of_half[task], names) for task in TASKS for of_half in halves])
            if (rows.view(3, 2, -1).abs().sum((1, 2)) > 0).sum() > 1:  # tasks that reach it
                found[group] = rows @ rows.T
        return found
