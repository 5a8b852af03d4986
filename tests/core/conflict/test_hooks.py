"""Hooks of parameters are for the merged gradient: an engine runs them once."""

import pytest
import torch

from mgcm_fairseq.core.conflict import ENGINES
from tests.core.conflict.small import TASKS, small_case, small_step
from tests.core.conflict.steps import assert_same, step, toy_case


@pytest.mark.parametrize("engine", ENGINES)
def test_a_hook_of_a_parameter_sees_the_merged_gradient_and_that_once(engine):
    case = toy_case()
    made = ENGINES[engine](case.model, ("st", "asr", "mt"))
    expected = step(case, made)
    seen = {name: [] for name in expected}
    handles = [parameter.register_hook(lambda g, calls=seen[name]: calls.append(g.clone()) or 2 * g)
               for name, parameter in case.model.named_parameters()]
    assert_same(step(case, made), {name: 2 * gradient for name, gradient in expected.items()})
    assert all(len(calls) == 1 for calls in seen.values())
    assert_same({name: calls[0] for name, calls in seen.items()}, expected)
    for handle in handles:
        handle.remove()
    assert_same(step(case, made), expected)
    assert all(len(calls) == 1 for calls in seen.values())


@pytest.mark.parametrize("engine", ENGINES)
def test_nor_do_hooks_of_what_is_out_of_scope_run_twice(engine):
    case = small_case()
    made = ENGINES[engine](case.model, TASKS, scope="head")
    expected, seen = step(case, made), []
    case.model.front.weight.register_hook(seen.append)
    case.model.body.weight.register_hook(lambda g: 2 * g)
    found = step(case, made)
    assert len(seen) == 1
    torch.testing.assert_close(seen[0], expected["front.weight"])
    assert_same(found, expected | {"body.weight": 2 * expected["body.weight"]})


@pytest.mark.parametrize("engine", ENGINES)
def test_hooks_run_in_their_order_and_after_them_those_of_accumulated_gradients(engine):
    case = small_case()
    weight, order = case.model.body.weight, []
    weight.register_hook(lambda g: order.append("first"))
    weight.register_post_accumulate_grad_hook(lambda p: order.append("accumulated"))
    weight.register_hook(lambda g: order.append("second"))
    small_step(case, engine)
    assert order == ["first", "second", "accumulated"]


@pytest.mark.parametrize("engine", ENGINES)
def test_hooks_are_still_there_after_an_error_inside_a_stage(engine):
    case = small_case()
    weight, calls = case.model.body.weight, []
    weight.register_hook(calls.append)

    def fails(gradient):
        raise ArithmeticError("from a hook")

    handle = case.model.body.register_forward_hook(lambda module, given, answer: answer.register_hook(fails) and None)
    with pytest.raises(ArithmeticError, match="from a hook"):
        small_step(case, engine)
    handle.remove()
    assert not calls
    small_step(case, engine)
    assert len(calls) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_hook_that_fails_stays(engine):
    case = small_case()

    def fails(gradient):
        raise ArithmeticError("from a hook")

    handle = case.model.body.weight.register_hook(fails)
    for _ in range(2):
        with pytest.raises(ArithmeticError, match="from a hook"):
            small_step(case, engine)
    handle.remove()
    small_step(case, engine)
