"""A step reads nothing back from the device: it runs on tensors that have no values."""

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensor, FakeTensorMode

from mgcm_fairseq.core.conflict import ALL_RULES, ENGINES, Recomputing, Stateless
from tests.core.conflict.steps import DROPOUT, SEGMENTED, TASKS, real_case, step, toy_case


def small_network(**options):
    return real_case(w2v={"encoder_layers": 1}, **{"encoder_layers": 1, "decoder_layers": 1, **options})


CASES = {"toy": toy_case, "network": small_network}


def reads_a_value(gramian_NTT):
    return gramian_NTT * gramian_NTT[0, 0, 0].item()


def branches_on_a_value(gramian_NTT):
    return gramian_NTT if gramian_NTT[0, 0, 1] < 0 else -gramian_NTT


def fake_step(case, engine, rule, recompute=False, **options):
    """Gradients of a step in which every tensor is fake."""
    with FakeTensorMode():
        made_case = case(**{"dtype": torch.float32, **options})
        made = ENGINES[engine](made_case.model, TASKS, rule)
        found = step(made_case, made, lambda passing: made_case.losses(Recomputing(passing) if recompute else passing))
        assert isinstance(made.report.gramian, FakeTensor)
        report = made.report
        numbers = [report.gramian, report.cosine(), report.conflict(), report.removed(), report.present()]
        assert all(isinstance(number, FakeTensor) for number in numbers)
        for name, parameter in made_case.model.named_parameters():
            assert isinstance(found[name], FakeTensor)
            assert found[name].shape == parameter.shape
    return found


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", ALL_RULES)
def test_a_step_waits_for_nothing(case, engine, rule):
    assert fake_step(CASES[case], engine, rule)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("engine", ENGINES)
def test_nor_does_it_in_half_precision(engine, dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)  # a model of fake tensors cannot be converted
    try:
        found = fake_step(toy_case, engine, "mgcm", dtype=dtype)
    finally:
        torch.set_default_dtype(before)
    assert all(gradient.dtype == dtype for gradient in found.values())


@pytest.mark.parametrize("engine", ENGINES)
def test_nor_does_it_with_dropout_and_recomputation(engine):
    assert fake_step(small_network, engine, "mgcm", recompute=True, **DROPOUT)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("waiting", [False, True])
def test_nor_does_it_with_segmented_attention(engine, waiting):
    options = {**SEGMENTED, "segment_noise": 3.0, "noise_from": 0, "differentiable_waiting": waiting}
    assert fake_step(small_network, engine, "mgcm", **options)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("function", [reads_a_value, branches_on_a_value])
def test_a_rule_that_reads_a_value_is_caught(engine, function):
    with pytest.raises(DataDependentOutputException):
        fake_step(small_network, engine, Stateless(function))
