"""Engines: streamed = stash = an independent reference, on the toy and on the real network."""

import re

import pytest
import torch

from mgcm_fairseq.core.conflict import ENGINES, GRANULARITIES, RULES, Stash, Streamed
from tests.core.conflict.reference import mgcm_by, mgcm_by_module, module_of, plain_sum
from tests.core.conflict.steps import (
    BOUNDED,
    CASES,
    SEGMENTED,
    TASKS,
    agreeing,
    assert_same,
    gradients,
    real_case,
    step,
    step_of,
    toy_case,
)
from tests.modules.grouped import grouped_ffn, plan_text

GROUPED = {"sharing_plan": plan_text(grouped_ffn(1, (0, 5, 7, 23))), "encoder_layers": 2}
SHAPES = {
    "toy": toy_case,
    "deeper toy": lambda **options: toy_case(layers=3, **options),
    "network": real_case,
    "post-norm network": lambda **options: real_case(**{"norm_first": False, "tie_output": False,
                                                        "subsample_kernels": "", **options}),
    "network with local convolutions": lambda **options: real_case(local_kernels="3,2", **options),
    "network that shrinks speech": lambda **options: real_case(shrink="ctc", shrink_from=0, paired=True, **options),
    "segmented network": lambda **options: real_case(**{**SEGMENTED, **options}),
    "network that waits in expectation": lambda **options: real_case(**{**SEGMENTED, "differentiable_waiting": True,
                                                                        **options}),
    "grouped network": lambda **options: real_case(language=[0, 1], **GROUPED, **options),
    "grouped network that hears one group": lambda **options: real_case(
        language=[2, 1], **{**SEGMENTED, **GROUPED, "checkpoint_activations": True, **options}),
    "bounded network": lambda **options: real_case(**{**SEGMENTED, **BOUNDED, "local_kernels": "3,1", **options}),
    "bounded network in mid-talk": lambda **options: real_case(**{**SEGMENTED, **BOUNDED, "lead_in": [2_600, 0],
                                                                  "differentiable_waiting": True, "paired": True,
                                                                  **options}),
}
SCOPES = {"toy": [r"encoder", r"(?!front|embedding)", r"decoder\.1", r"embedding"],
          "network": [r"(?!encoder\.front_end)", r"encoder\.layers", r"decoder", r"encoder\.front_end",
                      r".*attn", r"ctc", r"encoder\.embedding"]}
SCOPED = [(case, scope) for case, scopes in SCOPES.items() for scope in scopes]
FROZEN = [("toy", r"front"), ("toy", r"encoder"), ("toy", r"embedding"), ("toy", r".*weight"),
          ("network", r"encoder\.front_end"), ("network", r"encoder"), ("network", r"decoder"),
          ("network", r"encoder\.(front_end|embedding)"), ("network", r".*norm")]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", [3, 11])
def test_an_engine_is_the_reference(engine, shape, seed):
    case = SHAPES[shape](seed=seed)
    expected, conflicts = mgcm_by_module(case.model, case.losses())
    assert conflicts  # otherwise this tests nothing
    assert_same(step_of(case, engine), expected)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shape", SHAPES)
def test_in_fp32_too(engine, shape):
    case = SHAPES[shape](dtype=torch.float32)
    expected, _ = mgcm_by_module(case.model, case.losses())
    assert_same(step_of(case, engine), expected, rtol=1e-5, floor=1e-7)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("granularity", GRANULARITIES[:-1])
def test_streamed_is_stash_for_every_rule_and_granularity(case, rule, granularity):
    case = CASES[case]()
    stash, streamed = (make(case.model, TASKS, rule, granularity) for make in (Stash, Streamed))
    for number in range(2):  # twice, for rules that remember or draw
        stash.step = streamed.step = number
        expected = step(case, stash)
        assert_same(step(case, streamed), expected)
    absent = {name for name, gradient in expected.items() if gradient is None}
    assert absent == {name for name, gradient in gradients(case.model).items() if gradient is None}


@pytest.mark.parametrize("case", CASES)
def test_rules_differ(case):
    case = CASES[case]()
    norms = set()
    for rule in RULES:
        made = Streamed(case.model, TASKS, rule)
        step(case, made)  # after which gradvac has its targets; before, it is pcgrad
        made.step = 1
        norms.add(round(sum(g.square().sum().item() for g in step(case, made).values()), 9))
    assert len(norms) == len(RULES)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", CASES)
def test_granularity_parameter_is_the_reference(engine, case):
    case = CASES[case]()
    expected, _ = mgcm_by(case.model, case.losses(), lambda name: name)
    assert_same(step_of(case, engine, granularity="parameter"), expected)


@pytest.mark.parametrize("engine", ENGINES)
def test_granularity_layer_is_the_reference(engine):
    case = toy_case()
    expected, _ = mgcm_by(case.model, case.losses(), lambda name: re.match(r"(\w+coder\.\d|\w+)", name)[0])
    assert_same(step_of(case, engine, granularity="layer"), expected)


@pytest.mark.parametrize("case", CASES)
def test_granularity_model_of_stash_is_the_reference(case):
    case = CASES[case]()
    losses = {"st": case.losses()["st"], "asr": -1.5 * case.losses()["asr"]}  # so that they are in conflict
    expected, conflicts = mgcm_by(case.model, losses, lambda name: "model")
    assert conflicts == 1
    case.model.zero_grad()
    Stash(case.model, TASKS, granularity="model").join(losses).backward()
    assert_same(gradients(case.model), expected)


def test_granularity_model_is_refused_by_streamed():
    with pytest.raises(ValueError, match="use the stash engine"):
        Streamed(toy_case().model, TASKS, granularity="model")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", ["mgcm", "discard", "pcgrad"])
def test_without_conflict_the_step_is_a_plain_backward_of_the_sum(case, engine, rule):
    case = agreeing(case)
    made = ENGINES[engine](case.model, TASKS, rule)
    case.model.zero_grad()
    sum(case.losses().values()).backward()
    expected = gradients(case.model)
    assert_same(step(case, made), expected)
    assert len(made.report.groups) > 10
    solid = made.report.gramian[:, 0, 0] > 1e-20  # others are zero but for rounding
    torch.testing.assert_close(made.report.cosine()[solid, 0], torch.ones(int(solid.sum())).double())


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("engine", ENGINES)
def test_rule_sum_is_a_plain_backward_of_the_sum(case, engine):
    case = CASES[case]()
    case.model.zero_grad()
    sum(case.losses().values()).backward()
    expected = gradients(case.model)
    assert_same(step_of(case, engine, rule="sum"), expected)


@pytest.mark.parametrize(("case", "scope"), SCOPED)
@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_out_of_scope_gets_the_plain_sum(case, scope, engine):
    case = CASES[case]()
    expected, conflicts = mgcm_by(case.model, case.losses(),
                                  lambda name: module_of(name) if re.match(scope, name) else None)
    found = step_of(case, engine, scope=scope)
    assert_same(found, expected)
    plain = plain_sum(case.model, case.losses())
    outside = {name: gradient for name, gradient in plain.items() if not re.match(scope, name)}
    assert_same(found, outside)
    assert conflicts > 0 or scope in ("ctc", "embedding", r"encoder\.embedding")


@pytest.mark.parametrize(("case", "frozen"), FROZEN)
@pytest.mark.parametrize("engine", ENGINES)
def test_frozen_parameters_thaw_without_a_new_engine(case, frozen, engine):
    case = CASES[case]()
    made = ENGINES[engine](case.model, TASKS)
    still = [name for name, _ in case.model.named_parameters() if re.match(frozen, name)]
    assert still
    for thawed in (False, True):
        for name in still:
            case.model.get_parameter(name).requires_grad_(thawed)
        expected, _ = mgcm_by_module(case.model, case.losses())
        found = step(case, made)
        assert_same(found, expected)
        assert all((found[name] is not None) == thawed for name in still)
