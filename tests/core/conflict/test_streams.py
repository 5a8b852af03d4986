"""Streams outside well-formed models: what is refused, and what small networks come to."""

import pytest
import torch
from torch import nn

from mgcm_fairseq.core.conflict import ENGINES, PLAIN, Stash, Streamed
from mgcm_fairseq.measuring.operators import Operators
from tests.core.conflict.reference import mgcm_by_module
from tests.core.conflict.steps import Case, assert_same, step, step_of, toy_case

TASKS = ("st", "asr", "mt")


class Pair(nn.Module):
    """Two layers of one group at granularity layer, and a tensor of its own."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stacks = nn.ModuleList([nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])])
        self.table = nn.Parameter(torch.randn(3))
        self.double()


def started(model, **options):
    engine = Streamed(model, TASKS, **options)
    return engine, engine.streams(), torch.randn(4, 3, dtype=torch.float64)


def test_a_parameter_used_outside_stages_is_named():
    model = Pair()
    engine, passing, x = started(model)
    loss = (passing.start(x, ("st",)).value * model.table).sum()
    with pytest.raises(ValueError, match=r"table: used outside all stages"):
        engine.join({"st": loss})


def test_it_is_found_below_stages_too():
    model = Pair()
    engine, passing, x = started(model)
    [stream] = passing.run(model.stacks[0][0], [(passing.start(x * model.table, ("st", "asr")),)])
    with pytest.raises(ValueError, match=r"table: used outside"):
        engine.join({"st": passing.branch(stream, "st").value.sum()})


def test_a_parameter_that_starts_a_stream_is_found():
    model = Pair()
    engine, passing, _ = started(model)
    calls = [(passing.start(model.table, ("st",)),), (passing.start(model.table, ("mt",)),)]
    st, mt = passing.run(model.stacks[0][0], calls)
    with pytest.raises(ValueError, match=r"table: used outside"):
        engine.join({"st": st.value.sum(), "mt": mt.value.sum()})


def test_what_is_out_of_scope_may_be_used_anywhere():
    model = Pair()

    def losses(passing=PLAIN):
        x = torch.ones(4, 3, dtype=torch.float64)
        scaled = [passing.start(x * model.table, (task,)) for task in ("st", "mt")]
        [st, mt] = passing.run(model.stacks[0][0], [(stream,) for stream in scaled])
        return {"st": (st.value * model.table).sum(), "mt": mt.value.square().sum()}

    case = Case(model, losses)
    assert_same(step_of(case, "streamed", scope="stacks"), step_of(case, "stash", scope="stacks"))


def test_a_module_used_in_two_stages_is_named():
    model = Pair()
    _, passing, x = started(model)
    layer = model.stacks[0][0]
    [stream] = passing.run(layer, [(passing.start(x, ("st",)),)])
    with pytest.raises(ValueError, match=r"stacks\.0\.0 is used by two stages"):
        passing.run(layer, [(stream,)])


def test_a_module_used_as_alias_and_in_a_stage_is_named():
    model = Pair()
    _, passing, x = started(model)
    passing.alias(model.stacks[0][0].weight, "st")
    with pytest.raises(ValueError, match=r"stacks\.0\.0 is used by two stages.*a parameter of shape \(3, 3\)"):
        passing.run(model.stacks[0][0], [(passing.start(x, ("st",)),)])


def test_a_group_that_spans_stages_is_named():
    model = Pair()
    _, passing, x = started(model, granularity="layer")
    [stream] = passing.run(model.stacks[0][0], [(passing.start(x, ("st",)),)])
    with pytest.raises(ValueError, match=r"stacks\.0 is used by two .* choose a finer granularity than layer"):
        passing.run(model.stacks[0][1], [(stream,)])


def test_a_tensor_that_needs_a_gradient_must_be_a_stream():
    model = Pair()
    _, passing, x = started(model)
    with pytest.raises(ValueError, match=r"must come as a stream; use start\(\)"):
        passing.run(lambda a, b: model.stacks[0][0](a) + b, [(passing.start(x, ("st",)), x.requires_grad_())])


@pytest.mark.parametrize("tasks", [("de",), ("st", "de"), ()])
def test_a_stream_for_unknown_tasks_is_refused(tasks):
    _, passing, x = started(Pair())
    with pytest.raises(ValueError, match="expected some of the tasks st, asr, mt"):
        passing.start(x, tasks)


def test_a_branch_for_a_foreign_task_is_refused():
    _, passing, x = started(Pair())
    with pytest.raises(ValueError, match="expected some of st, asr, found mt"):
        passing.branch(passing.start(x, ("st", "asr")), "mt")


def test_a_task_without_a_loss_costs_nothing_where_streams_meet():
    def operators(*tasks):
        model = Pair()
        engine, passing, x = started(model, scope="stacks")
        [stream] = passing.run(model.stacks[0][0], [(passing.start(x * model.table, tasks),)])
        joined = engine.join({"st": passing.branch(stream, "st").value.sum()})
        with Operators(fake=False) as counted:
            joined.backward()
        return counted.kernels

    assert operators("st", "asr", "mt") == operators("st", "asr")


@pytest.mark.parametrize("engine", ENGINES)
def test_streams_of_different_tasks_do_not_meet(engine):
    passing = ENGINES[engine](Pair(), TASKS).streams()
    x = torch.ones(4, 3, dtype=torch.float64)
    with pytest.raises(ValueError, match="branch them first"):
        passing.run(torch.add, [(passing.start(x, ("st", "asr")), passing.start(x, ("st",)))])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("losses", [{"de": 1.0}, {"st": 1.0, "de": 1.0}, {}])
def test_losses_of_unknown_tasks_are_refused(engine, losses):
    with pytest.raises(ValueError, match=r"expected some of st, asr, mt, found (st, de|de|none)"):
        ENGINES[engine](Pair(), TASKS).join({task: torch.tensor(value) for task, value in losses.items()})


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("option", "value"), [("rule", "mgmc"), ("granularity", "head"), ("scope", "nowhere")])
def test_options_are_checked_when_an_engine_is_built(engine, option, value):
    with pytest.raises(ValueError, match=value):
        ENGINES[engine](Pair(), TASKS, **{option: value})


@pytest.mark.parametrize("engine", ENGINES)
def test_tasks_of_a_stream_may_be_named_in_any_order(engine):
    model = Pair()
    first, second = model.stacks[0]

    def losses(passing=PLAIN):
        x = torch.arange(12.0, dtype=torch.float64).view(4, 3)
        [shared] = passing.run(first, [(passing.start(x, ("mt", "st", "asr")),)])
        both = passing.branch(shared, "mt", "st")
        [both, alone] = passing.run(second, [(both,), (passing.branch(shared, "asr"),)])
        return {"asr": alone.value.sin().sum(), "mt": -passing.branch(both, "mt").value.square().sum(),
                "st": passing.branch(both, "st").value.sum()}

    ordered = {task: losses()[task] for task in TASKS}
    expected, conflicts = mgcm_by_module(model, ordered | {"st": ordered["st"] + 0 * model.table.sum()})
    assert conflicts
    assert_same(step_of(Case(model, losses), engine), expected)


def test_branches_in_any_order_meet_again_before_the_first_judged_stage():
    model = Pair()
    _, passing, x = started(model)
    shared = passing.start(x, ("st", "asr", "mt"))
    answers = passing.run(lambda a, b: model.stacks[0][0](a) + b,
                          [(passing.branch(shared, "asr", "st"), passing.branch(shared, "st", "asr"))])
    assert set(answers[0].tasks) == {"st", "asr"}


@pytest.mark.parametrize("engine", ["stash", "streamed"])
@pytest.mark.parametrize("recompute", [False, True])
def test_a_stream_that_needs_no_gradient_beside_one_that_does(engine, recompute):
    """A frozen stage over frozen speech, shared by two tasks, and over text that is trained by two."""
    model = Pair()
    frozen, trained = model.stacks[0]
    frozen.requires_grad_(False)

    def losses(passing=PLAIN):
        x = torch.arange(12.0, dtype=torch.float64).view(4, 3)
        [text] = passing.run(trained, [(passing.start(x, ("st", "mt")),)])
        speech, text = passing.run(frozen, [(passing.start(x, ("st", "asr")),), (text,)], recompute)
        words = {task: passing.alias(model.table, task) for task in TASKS}
        return {"st": (passing.branch(text, "st").value * passing.branch(speech, "st").value * words["st"]).sum(),
                "asr": (passing.branch(speech, "asr").value * words["asr"]).square().sum(),
                "mt": -passing.branch(text, "mt").value.square().sum()}

    expected, _ = mgcm_by_module(model, losses())
    assert_same(step_of(Case(model, losses), engine), expected)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_unused_answer_and_an_unused_branch(engine):
    model = Pair()
    first, second = model.stacks[0]

    def losses(passing=PLAIN):
        x = torch.arange(12.0, dtype=torch.float64).view(4, 3)
        [shared] = passing.run(first, [(passing.start(x, TASKS),)])
        passing.branch(shared, "st")
        passing.run(second, [(shared,)])
        return {"st": passing.branch(shared, "st").value.sum(), "mt": -passing.branch(shared, "mt").value.sum()}

    found = step_of(Case(model, losses), engine)
    assert found["stacks.0.1.weight"] is None
    expected, conflicts = mgcm_by_module(model, losses())
    assert conflicts == 1
    assert_same(found, expected)


def test_a_task_whose_branch_no_loss_reads_has_no_gradient_at_all():
    """Not one of zeros, with which it would be in the report."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4)).double()
    made = Streamed(model, ("st", "asr", "mt"))
    passing = made.streams()
    [both] = passing.run(model[0], [(passing.start(torch.randn(5, 3).double(), ("st", "asr", "mt")),)])
    pair = passing.branch(both, "st", "asr")
    made.join({"st": passing.branch(pair, "st").value.sum()}).backward()
    assert model[0].weight.grad.any()
    assert made.report.groups == []


def test_a_task_that_does_not_read_its_alias_has_no_gradient_at_all():
    model = nn.Linear(3, 4).double()
    made = Streamed(model, TASKS)
    passing = made.streams()
    made.join({"st": passing.alias(model.weight, "st").sum()}).backward()
    assert model.weight.grad.all()
    assert made.report.groups == []


def test_inputs_that_need_gradients_outside_the_model():
    """What lies before a stream and is no parameter of the streamed engine's model gets the plain sum."""
    model = Pair()
    before = nn.Linear(3, 3).double()

    def losses(passing=PLAIN):
        x = before(torch.ones(4, 3, dtype=torch.float64))
        [shared] = passing.run(model.stacks[0][0], [(passing.start(x, TASKS),)])
        return {"st": passing.branch(shared, "st").value.sum(), "mt": -3 * passing.branch(shared, "mt").value.sum()}

    expected = torch.autograd.grad(sum(losses().values()), before.weight)[0]
    step(Case(model, losses), Streamed(model, TASKS))
    torch.testing.assert_close(before.weight.grad, expected)


def test_plain_passing_is_ordinary_autograd():
    case = toy_case()
    assert Stash(case.model, TASKS).streams() is PLAIN
    assert all(loss.requires_grad for loss in case.losses(PLAIN).values())
    with torch.no_grad():
        assert not any(loss.requires_grad for loss in case.losses(PLAIN).values())
