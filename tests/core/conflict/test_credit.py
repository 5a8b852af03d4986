"""A gradient that would be credited to another task is an error; what is meant comes out right."""

import pytest
import torch
from torch import nn

from mgcm_fairseq.core.conflict import PLAIN, Streamed
from tests.core.conflict.reference import mgcm_by_module, plain_sum
from tests.core.conflict.small import TASKS, Small, inputs
from tests.core.conflict.steps import Case, assert_same, step

SECOND_PASS = [False, True]  # in which stages without judged parameters are ordinary autograd


def streamed_losses(losses, again=False):
    """Joins what losses(model, passing) makes of a small network, in the first pass or after one as it should be."""
    model = Small()
    engine = Streamed(model, TASKS)
    if again:
        step(Case(model, lambda passing: as_meant(model, passing)), engine)
    return engine.join(losses(model, engine.streams()))


def as_meant(model, passing):
    body, _ = model.encode(passing, inputs(model))
    [last] = passing.run(nn.Identity(), [(passing.branch(body, "asr"),)])
    return {"st": passing.branch(body, "st").value.sum(), "asr": -last.value.sum()}


def reads_an_earlier_value(model, passing):
    body, _ = model.encode(passing, inputs(model))
    return {"st": passing.branch(body, "st").value.sum(), "asr": body.value.sum()}


def reads_a_branch_of_another(model, passing):
    body, _ = model.encode(passing, inputs(model))
    branch = passing.branch(body, "st")
    return {"st": branch.value.sum(), "asr": -branch.value.sum()}


def reads_an_alias_of_another(model, passing):
    words = passing.alias(model.body.weight, "st")
    return {"st": words.sum(), "asr": -words.square().sum()}


def reads_another_behind(stage):
    def losses(model, passing):
        body, _ = model.encode(passing, inputs(model))
        [last] = passing.run(stage, [(passing.branch(body, "st"),)])
        return {"st": last.value.sum(), "asr": -last.value.square().sum()}

    return losses


@pytest.mark.parametrize("again", SECOND_PASS)
@pytest.mark.parametrize("losses", [
    reads_an_earlier_value, reads_a_branch_of_another, reads_an_alias_of_another, reads_another_behind(nn.Identity()),
    reads_another_behind(nn.Dropout(0.1)), reads_another_behind(torch.tanh)])
def test_a_loss_that_reads_what_belongs_to_another_task_is_named(losses, again):
    with pytest.raises(ValueError, match=r"the loss of asr reads .* of asr, found .* credited to st\b"):
        streamed_losses(losses, again)


class Losses(nn.Module):
    """A module whose forward is the losses, as DDP wants it."""

    def __init__(self, losses):
        super().__init__()
        self.small, self.losses = Small(), losses

    def forward(self, passing):
        return self.losses(self.small, passing)


def test_so_it_is_through_ddp(tmp_path):
    """Which puts a node of its own behind every output."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'meeting'}", rank=0, world_size=1)
    try:
        for losses in (as_meant, reads_a_branch_of_another):
            model = Losses(losses)
            engine = Streamed(model.small, TASKS)
            wrapped = nn.parallel.DistributedDataParallel(model, find_unused_parameters=True)
            found = wrapped(engine.streams())
            assert all(loss.grad_fn.name() == "_DDPSinkBackward" for loss in found.values())
            if losses is as_meant:
                engine.join(found).backward()
            else:
                with pytest.raises(ValueError, match=r"the loss of asr reads .* of asr, found .* credited to st\b"):
                    engine.join(found)
    finally:
        torch.distributed.destroy_process_group()


def test_so_it_is_behind_a_stage_that_the_engine_knows():
    """The identity has run in the first pass, so that in the second it is ordinary autograd."""
    stage, model = nn.Identity(), Small()
    engine = Streamed(model, TASKS)
    passing = engine.streams()
    body, _ = model.encode(passing, inputs(model))
    [last] = passing.run(stage, [(passing.branch(body, "st"),)])
    engine.join({"st": last.value.sum(), "asr": passing.branch(body, "asr").value.sum()}).backward()
    passing = engine.streams()
    body, _ = model.encode(passing, inputs(model))
    [last] = passing.run(stage, [(passing.branch(body, "st"),)])
    with pytest.raises(ValueError, match=r"the loss of asr .* credited to st"):
        engine.join({"st": last.value.sum(), "asr": last.value.sum()})


@pytest.mark.parametrize("again", SECOND_PASS)
def test_a_stream_that_starts_from_a_judged_value_is_named(again):
    def losses(model, passing):
        body, _ = model.encode(passing, inputs(model))
        [head] = passing.run(model.head, [(passing.start(body.value, TASKS),)])
        return {task: passing.branch(head, task).value.sum() for task in TASKS}

    with pytest.raises(ValueError, match="starts from the value of a stream of st"):
        streamed_losses(losses, again)


@pytest.mark.parametrize("again", SECOND_PASS)
def test_a_stream_of_one_task_that_starts_from_the_value_of_another_is_named(again):
    def losses(model, passing):
        body, _ = model.encode(passing, inputs(model))
        [head] = passing.run(model.head, [(passing.start(passing.branch(body, "st").value, ("asr",)),)])
        return {"st": passing.branch(body, "st").value.sum(), "asr": head.value.sum()}

    with pytest.raises(ValueError, match=r"the loss of asr .* credited to st"):
        streamed_losses(losses, again)


@pytest.mark.parametrize("again", SECOND_PASS)
@pytest.mark.parametrize("stage", ["head", None])
def test_a_stage_that_reads_a_stream_that_it_was_not_passed_is_named(stage, again):
    def losses(model, passing):
        body, _ = model.encode(passing, inputs(model))
        inside = getattr(model, stage) if stage else nn.Identity()
        [head] = passing.run(lambda x: inside(x) * body.value, [(body,)])
        return {task: passing.branch(head, task).value.sum() for task in TASKS}

    with pytest.raises(ValueError, match=r"found the value of another stream or alias\. Pass it as an argument"):
        streamed_losses(losses, again)


def test_a_known_stage_that_comes_to_read_the_stream_of_another_is_named():
    model, reads = Small(), []
    engine = Streamed(model, TASKS)

    def losses(passing):
        body, _ = model.encode(passing, inputs(model))
        other = passing.branch(body, "st").value
        [last] = passing.run(lambda x: x * other if reads else x, [(passing.branch(body, "asr"),)])
        return {"st": other.sum(), "asr": -last.value.sum()}

    step(Case(model, losses), engine)
    reads.append(True)
    with pytest.raises(ValueError, match=r"the loss of asr .* credited to st"):
        engine.join(losses(engine.streams()))


def first_task_reads_the_shared_value(model, passing):
    body, _ = model.encode(passing, inputs(model))
    return {"st": body.value.sum(), "asr": -passing.branch(body, "asr").value.sum()}


def reads_what_is_not_judged(model, passing):
    body, front = model.encode(passing, inputs(model))
    return {"st": passing.branch(body, "st").value.sum() + front.value.sum(),
            "asr": -passing.branch(body, "asr").value.sum() - front.value.square().sum()}


def reads_another_detached(model, passing):
    body, _ = model.encode(passing, inputs(model))
    st, asr = (passing.branch(body, task).value for task in TASKS)
    return {"st": st.sum(), "asr": -2 * asr.sum() - 0.1 * (asr * st.detach()).sum()}


def starts_anew_from_what_is_not_judged(model, passing):
    [front] = passing.run(model.front, [(passing.start(inputs(model), TASKS),)])
    [body] = passing.run(model.body, [(passing.start(front.value * 2, TASKS),)])
    return {"st": passing.branch(body, "st").value.sum(), "asr": -passing.branch(body, "asr").value.sum()}


def one_loss_reads_two_branches(model, passing):
    body, _ = model.encode(passing, inputs(model))
    pair = passing.branch(body, "st", "asr")
    return {"st": passing.branch(body, "st").value.sum() + passing.branch(pair, "st").value.square().sum(),
            "asr": -passing.branch(pair, "asr").value.sum()}


@pytest.mark.parametrize("losses", [
    as_meant, first_task_reads_the_shared_value, reads_what_is_not_judged, reads_another_detached,
    starts_anew_from_what_is_not_judged, one_loss_reads_two_branches])
def test_what_is_meant_is_no_error_and_right_in_every_pass(losses):
    model = Small()
    judged, conflicts = mgcm_by_module(model, losses(model, PLAIN))
    plain = plain_sum(model, losses(model, PLAIN))
    expected = {name: plain[name] if name.startswith("front") else judged[name] for name in judged}
    assert conflicts
    engine = Streamed(model, TASKS, scope="(?!front)")
    for _ in range(3):
        assert_same(step(Case(model, lambda passing: losses(model, passing)), engine), expected)
