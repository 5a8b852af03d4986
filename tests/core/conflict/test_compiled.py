"""torch.compile puts _orig_mod into names; scopes, groups and messages have them as before."""

import pytest
import torch
from torch import nn

from mgcm_fairseq.core.conflict import ENGINES, Groups, Streamed
from tests.core.conflict.small import TASKS, small_case, small_step
from tests.core.conflict.steps import assert_same, toy_case


@pytest.mark.parametrize("granularity", ["parameter", "module", "component", "layer"])
def test_a_compiled_model_has_the_groups_of_the_model(granularity):
    plain = Groups(toy_case().model, granularity, r"encoder|embedding")
    model = toy_case().model
    model.encoder[0] = torch.compile(model.encoder[0], backend="eager")
    model.encoder[1].attention = torch.compile(model.encoder[1].attention, backend="eager")
    for compiled in (model, torch.compile(model, backend="eager")):
        found = Groups(compiled, granularity, r"encoder|embedding")
        assert (found.names, found.places) == (plain.names, plain.places)
        assert found.name(model.encoder[0].fc1.weight) == "encoder.0.fc1.weight"
        assert found.of(model.encoder[0].fc1.weight) is not None
        assert found.of(model.decoder[0].fc1.weight) is None


@pytest.mark.parametrize("engine", ENGINES)
def test_compiled_stages_are_judged_as_others(engine):
    case = small_case()
    expected = small_step(case, engine, scope="body")
    case.model.body = torch.compile(case.model.body, backend="eager")
    with torch.compiler.set_stance("force_eager"):
        found = small_step(case, engine, scope="body")
    assert_same({name.replace("_orig_mod.", ""): gradient for name, gradient in found.items()}, expected)


def test_a_message_names_a_parameter_as_before_compilation():
    case = small_case()
    case.model.body = torch.compile(case.model.body, backend="eager")
    made = Streamed(case.model, TASKS)
    case.model.body.extra = nn.Parameter(torch.ones(1))
    with pytest.raises(ValueError, match=r"found body\.extra beside"):
        made.streams()
