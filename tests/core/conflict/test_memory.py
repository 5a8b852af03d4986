"""Nothing of a training step outlives it, not even until the garbage collector comes."""

import gc
import weakref

import pytest
import torch

from mgcm_fairseq.core.conflict import ENGINES, PLAIN, Stash, Streamed
from tests.core.conflict.steps import CASES
from tests.core.conflict.toy import TASKS, toy


@pytest.fixture
def no_collector():
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("differentiated", [True, False])
def test_a_pass_is_freed(differentiated):
    model, batch = toy()
    engine = Streamed(model, TASKS)
    passing = engine.streams()
    known = weakref.ref(passing)
    total = engine.join(model(*batch, passing))
    if differentiated:
        total.backward()
    del passing, total
    assert known() is None


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("kind", [Streamed, Stash])
@pytest.mark.parametrize("recompute", [False, True])
def test_steps_leave_no_tensor_behind(kind, recompute):
    model, batch = toy()
    engine = kind(model, TASKS)
    counts = []
    for _ in range(4):
        engine.join(model(*batch, engine.streams(), recompute)).backward()
        model.zero_grad()
        counts.append(sum(type(entry).__name__ == "Tensor" for entry in gc.get_objects()))
    assert counts[1] == counts[-1]


class Activation:
    """What autograd keeps of a forward pass, in a box that can be watched."""

    def __init__(self, value):
        self.value = value.detach()  # whose own graph would hold the box


def watched(case, made):
    """The joined losses of a forward pass, and what autograd keeps of it."""
    kept = weakref.WeakSet()

    def pack(value):
        box = Activation(value)
        kept.add(box)
        return box

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda box: box.value):
        losses = case.losses(made.streams() if made else PLAIN)
        return made.join(losses) if made else sum(losses.values()), kept


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("engine", [None, *ENGINES])  # None: ordinary autograd
def test_activations_are_freed_by_the_backward_pass_and_not_with_the_loss(engine, case):
    case = CASES[case]()
    joined, kept = watched(case, ENGINES[engine](case.model, TASKS) if engine else None)
    assert len(kept) > 20
    joined.backward()
    for module in case.model.modules():
        if hasattr(module, "weight_v"):
            module.weight = None  # what weight norm made, a few kB, stays until the next pass
    assert not kept
    assert joined.isfinite()  # whoever logs the loss still has it


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("engine", ENGINES)
def test_the_last_tasks_backward_pass_frees_activations_as_it_goes(engine):
    case, alive = CASES["toy"](), []

    def watch(module, given, answer):
        answer.register_hook(lambda gradient: alive.append(len(kept)))

    case.model.encoder[0].attention.out_proj.register_forward_hook(watch)
    joined, kept = watched(case, ENGINES[engine](case.model, TASKS))
    joined.backward()
    assert len(alive) == 3  # once for each task
    assert alive[0] == alive[1] > alive[2]
