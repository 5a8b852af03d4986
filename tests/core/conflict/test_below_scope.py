"""Stages below the first parameter in scope: ordinary autograd from the second pass on, judged as soon as need be."""

from functools import partial

import pytest
import torch
from torch import nn

from mgcm_fairseq.core.conflict import PLAIN, Streamed
from mgcm_fairseq.core.conflict.graph import leaves_below
from tests.core.conflict.reference import mgcm_by, mgcm_by_module, module_of
from tests.core.conflict.small import TASKS, Small, above_front, inputs, small_case
from tests.core.conflict.steps import TASKS as ALL
from tests.core.conflict.steps import Case, assert_same, real_case, step


def nodes_of_the_engine(stream):
    return leaves_below([stream.value])[1]


@pytest.mark.parametrize("front", [None, nn.Sequential(nn.Linear(3, 4), nn.Tanh()),
                                   nn.Linear(3, 4).requires_grad_(False)])
def test_there_is_no_node_of_the_engine_from_the_second_pass_on(front):
    model = Small(front)
    made = Streamed(model, TASKS, scope="(?!front)")
    plain = model.encode(PLAIN, inputs(model))
    expected, conflicts = mgcm_by(model, model.losses(), above_front)
    assert conflicts
    for number in range(3):
        body, stream = model.encode(made.streams(), inputs(model))
        assert torch.equal(body.value, plain[0].value)
        assert torch.equal(stream.value, plain[1].value)
        trained = any(parameter.requires_grad for parameter in model.front.parameters())
        assert bool(nodes_of_the_engine(stream)) == (trained and number == 0)
        assert nodes_of_the_engine(body)
        assert_same(step(Case(model, model.losses), made), expected)


def test_the_network_above_its_front_end_in_every_pass():
    case = real_case()
    made = Streamed(case.model, ALL, scope=r"(?!encoder\.front_end)")
    expected, conflicts = mgcm_by(case.model, case.losses(),
                                  lambda name: None if name.startswith("encoder.front_end") else module_of(name))
    assert conflicts
    for _ in range(3):
        assert_same(step(case, made), expected)


def test_a_front_end_that_thaws_and_freezes_again():
    case = small_case()
    made, runs = Streamed(case.model, TASKS), []
    case.model.front.register_forward_hook(lambda *_: runs.append(True))
    for thawed, times in ((False, 1), (False, 1), (True, 2), (True, 1), (False, 1), (True, 2)):
        case.model.front.requires_grad_(thawed)
        expected, _ = mgcm_by_module(case.model, case.losses())
        runs.clear()
        found = step(case, made)
        assert len(runs) == times
        assert_same(found, expected)
        assert (found["front.weight"] is not None) == thawed
        assert len(made.report.groups) == 2 + thawed


def test_a_stage_that_comes_to_use_a_parameter_in_scope_is_judged_in_that_pass():
    model = Small()
    made = Streamed(model, TASKS, scope="(?!front)")
    flags = {"body": False}

    def losses(passing=PLAIN):
        def closure(x):
            features = model.front(x)
            return model.body(features) if flags["body"] else features

        [stream] = passing.run(closure, [(passing.start(inputs(model), TASKS),)])
        [head] = passing.run(model.head, [(stream,)])
        st, asr = (passing.branch(head, task).value for task in TASKS)
        return {"st": st.square().sum() + st.sum(), "asr": -2 * asr.sum() - asr.sin().sum()}

    for flag in (False, False, True, True, False, True):
        flags["body"] = flag
        expected, conflicts = mgcm_by(model, losses(), above_front)
        assert_same(step(Case(model, losses), made), expected)
        assert len(made.report.groups) == 1 + flag
        assert conflicts == 1 + flag


@pytest.mark.parametrize("kind", ["closure", "partial", "list"])
def test_stages_of_one_code_are_told_apart_by_their_modules(kind):
    """Each runs once in a pass: a second run would draw other random numbers."""
    model, runs = Small(), []
    made = Streamed(model, TASKS, scope="(?!front)")
    stage = {"closure": lambda part: lambda x: part(x), "partial": lambda part: partial(apply, part, torch.ones(1)),
             "list": lambda part: partial(apply, [part], torch.ones(1))}[kind]
    for part in (model.front, model.body, model.head):
        part.register_forward_hook(lambda module, given, answer: runs.append(module))

    def losses(passing=PLAIN):
        [stream] = passing.run(stage(model.front), [(passing.start(inputs(model), TASKS),)])
        [stream] = passing.run(stage(model.body), [(stream,)])
        [stream] = passing.run(stage(model.head), [(stream,)])
        return {"st": passing.branch(stream, "st").value.sum(), "asr": -passing.branch(stream, "asr").value.exp().sum()}

    expected, _ = mgcm_by(model, losses(), above_front)
    known = []
    for _ in range(3):
        runs.clear()
        assert_same(step(Case(model, losses), made), expected)
        assert runs == [model.front, model.body, model.head]
        known.append(len(made._unjudged))
    assert known == [1, 1, 1]  # what is new in every pass, as a mask, is no part of what an engine remembers


def apply(parts, factor, x):
    for part in parts if isinstance(parts, list) else [parts]:
        x = part(x)
    return x * factor


def test_passes_under_way_do_not_know_of_each_other():
    case = small_case()
    made = Streamed(case.model, TASKS, scope="(?!front)")
    expected = step(case, made)
    case.model.zero_grad()
    losses = [case.losses(made.streams()) for _ in range(3)]
    joined = [made.join(losses[number]) for number in (1, 2, 0)]
    for number in (2, 0, 1):
        joined[number].backward()
    found = {name: parameter.grad / 3 for name, parameter in case.model.named_parameters()}
    assert_same(found, expected)


def test_a_parameter_in_scope_before_a_known_stage_is_found():
    model = Small()
    model.scale = nn.Parameter(torch.ones(3).double())
    made = Streamed(model, TASKS, scope="(?!front)")
    step(Case(model, model.losses), made)
    losses = model.losses(made.streams(), inputs(model) * model.scale)
    with pytest.raises(ValueError, match="scale: used outside all stages"):
        made.join(losses)


def test_nothing_of_a_pass_is_kept_when_its_losses_are_joined():
    case = small_case()
    made = Streamed(case.model, TASKS, scope="(?!front)")
    for _ in range(2):
        joined = made.join(case.losses(made.streams()))
        assert not made._clear
        joined.backward()
