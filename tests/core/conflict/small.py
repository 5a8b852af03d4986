"""A network of three stages for two tasks that are in conflict everywhere."""

import torch
from torch import nn

from mgcm_fairseq.core.conflict import ENGINES, PLAIN
from tests.core.conflict.steps import Case, step

TASKS = ("st", "asr")


class Small(nn.Module):
    """x (B, 3) -> front -> body -> one head for both tasks."""

    def __init__(self, front=None, size=4, dtype=torch.float64):
        super().__init__()
        torch.manual_seed(1)
        self.front = front or nn.Linear(3, size)
        self.body = nn.Linear(size, size)
        self.head = nn.Linear(size, size)
        self.to(dtype)

    def encode(self, passing, x):
        """The stream of both tasks behind the body, and that behind the front."""
        [front] = passing.run(self.front, [(passing.start(x, TASKS),)])
        [body] = passing.run(self.body, [(front,)])
        return body, front

    def losses(self, passing=PLAIN, x=None):
        """ASR wants the opposite of what ST wants."""
        body, _ = self.encode(passing, inputs(self) if x is None else x)
        [head] = passing.run(self.head, [(body,)])
        st, asr = (passing.branch(head, task).value for task in TASKS)
        return {"st": st.square().sum() + st.sum(), "asr": -2 * asr.sum() - asr.sin().sum()}


def inputs(model):
    """A batch of the model's type."""
    return torch.linspace(-1, 2, 15).view(5, 3).to(model.body.weight.dtype)


def small_case(**options):
    """A small network and its losses."""
    model = Small(**options)
    return Case(model, model.losses)


def small_step(case, engine, **options):
    """Gradients of a step with a new engine."""
    return step(case, ENGINES[engine](case.model, TASKS, **options))


def above_front(name):
    """The module of a parameter, None for one of the front."""
    return None if name.startswith("front") else name.rpartition(".")[0]
