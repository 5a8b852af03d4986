"""A model that changes after the engine was made: new parameters are named, the rest is harmless."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from mgcm_fairseq.core.conflict import ENGINES, Stash, Streamed
from tests.core.conflict.reference import mgcm_by_module
from tests.core.conflict.small import TASKS, small_case
from tests.core.conflict.steps import assert_same, gradients, step


def replace_a_parameter(model):
    model.body.weight = nn.Parameter(model.body.weight.detach().clone())


def replace_a_module(model):
    model.body = nn.Linear(4, 4).double()


def delete_and_make_a_module(model):
    """One that gets the address, and so the id, of the old one if that is free."""
    old = id(model.head)
    del model.head  # the last, so that the order stays
    new = [nn.Linear(4, 4).double() for _ in range(50)]
    model.head = next((module for module in new if id(module) == old), new[0])


def add_a_module(model):
    model.body.adapter = nn.Linear(4, 4).double()


def add_modules_inside_new_ones(model):
    model.more = nn.Sequential(nn.Sequential(nn.Linear(4, 4).double()))


def add_a_parameter(model):
    model.head.scale = nn.Parameter(torch.ones(1).double())


def give_a_missing_bias(model):
    model.front.bias = nn.Parameter(torch.zeros(4).double())


def parametrize(model):
    weight_norm(model.body)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("change", "name"), [
    (replace_a_parameter, r"body\.weight"), (replace_a_module, r"body\.weight, body\.bias"),
    (delete_and_make_a_module, r"head\.weight, head\.bias"), (add_a_module, r"body\.adapter\.weight"),
    (add_modules_inside_new_ones, r"more\.0\.0\.weight"), (add_a_parameter, r"head\.scale"),
    (give_a_missing_bias, r"front\.bias"), (parametrize, r"body\.parametrizations\.weight\.original0")])
def test_a_model_with_new_parameters_is_named(engine, change, name):
    case = small_case(front=nn.Linear(3, 4, bias=False))
    made = ENGINES[engine](case.model, TASKS)
    step(case, made)
    change(case.model)
    with pytest.raises(ValueError, match=f"{name}.*Make a new engine when the model changes"):
        step(case, made)


def add_what_has_no_parameters(model):
    model.drop = nn.Dropout(0.0)


def add_a_buffer(model):
    model.register_buffer("counts", torch.zeros(3))


def freeze(model):
    model.body.requires_grad_(False)


def evaluate(model):
    model.eval()


def tie(model):
    model.head.weight = model.body.weight


def remove(model):
    model.body.bias = None


@pytest.mark.parametrize("change", [add_what_has_no_parameters, add_a_buffer, freeze, evaluate, tie, remove,
                                    nn.Module.float])
def test_harmless_changes_are_none(change):
    case = small_case()
    made = Stash(case.model, TASKS)
    step(case, made)
    change(case.model)
    assert_same(step(case, made), mgcm_by_module(case.model, case.losses())[0], rtol=1e-5, floor=1e-6)
    if change is not tie:  # two stages may not share it
        streamed = Streamed(case.model, TASKS)
        assert_same(step(case, streamed), gradients(case.model))
