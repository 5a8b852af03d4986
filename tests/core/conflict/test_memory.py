"""Nothing of a training step outlives it, not even until the garbage collector comes."""

import gc
import weakref

import pytest

from mgcm_fairseq.core.conflict import Stash, Streamed
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
