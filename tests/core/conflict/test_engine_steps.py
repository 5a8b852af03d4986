"""Steps of a training under an engine: missing tasks, several passes, loss scales, recomputation, dropped layers."""


import pytest
import torch

from mgcm_fairseq.core.conflict import ENGINES, RULES, Recomputing, Streamed
from tests.core.conflict.reference import mgcm_by_module
from tests.core.conflict.steps import (
    CASES,
    DROPOUT,
    TASKS,
    assert_same,
    gradients,
    real_case,
    step,
    step_of,
    toy_case,
)
from tests.core.conflict.toy import toy


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("tasks", [("st",), ("mt",), ("asr", "mt"), ("st", "mt")])
def test_tasks_may_be_missing_in_join(case, engine, tasks):
    case = CASES[case]()
    primary = {"st": case.losses()["st"]}
    expected, _ = mgcm_by_module(case.model, {**{"st": 0 * primary["st"]}, **{t: case.losses()[t] for t in tasks}})
    made = ENGINES[engine](case.model, TASKS)
    found = step(case, made, lambda passing: {t: loss for t, loss in case.losses(passing).items() if t in tasks})
    assert_same(found, expected)
    assert "letters" in "".join(found)
    if "asr" not in tasks:
        assert all(found[name] is None for name in found if "letters" in name)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_task_that_reaches_nothing_changes_nothing(engine):
    case = toy_case()
    expected = step(case, ENGINES[engine](case.model, TASKS),
                    lambda passing: {task: loss for task, loss in case.losses(passing).items() if task != "asr"})
    found = step(case, ENGINES[engine](case.model, TASKS),
                 lambda passing: {**case.losses(passing), "asr": torch.tensor(3.0, dtype=torch.float64)})
    assert_same(found, expected)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("order", [("mt", "asr", "st"), ("asr", "st", "mt")])
def test_the_order_of_losses_does_not_matter_and_the_first_task_is_primary(engine, order):
    case = toy_case()
    expected = step_of(case, engine)
    found = step(case, ENGINES[engine](case.model, TASKS),
                 lambda passing: dict(sorted(case.losses(passing).items(), key=lambda item: order.index(item[0]))))
    assert_same(found, expected)
    other = ENGINES[engine](case.model, order)
    reference, _ = mgcm_by_module(case.model, {task: case.losses()[task] for task in order})
    assert_same(step(case, other), reference)
    with pytest.raises(AssertionError):
        assert_same(step(case, other), expected)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("engine", ENGINES)
def test_backward_passes_add_up(case, engine):
    first = CASES[case]()
    second = CASES[case](seed=4, model=first.model)
    made = ENGINES[engine](first.model, TASKS)
    one, two = step(first, made), step(second, made)
    first.model.zero_grad()
    for micro in (first, second):
        made.join(micro.losses(made.streams())).backward()
    assert_same(gradients(first.model), {name: one[name] + two[name] for name in one})
    with pytest.raises(AssertionError):
        assert_same(two, one)


@pytest.mark.parametrize("engine", ENGINES)
def test_two_forward_passes_may_be_under_way(engine):
    case = toy_case()
    made = ENGINES[engine](case.model, TASKS)
    expected = step(case, made)
    case.model.zero_grad()
    joined = [made.join(case.losses(made.streams())) for _ in range(2)]
    for loss in joined:
        loss.backward()
    assert_same({name: g / 2 for name, g in gradients(case.model).items()}, expected)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", RULES)
def test_a_loss_scale_scales_the_gradient(case, engine, rule):
    case = CASES[case]()
    expected = step_of(case, engine, rule=rule)
    found = step(case, ENGINES[engine](case.model, TASKS, rule), scale=1024)
    for name, gradient in expected.items():
        assert torch.equal(found[name], 1024 * gradient)  # a power of two: exactly


@pytest.mark.parametrize("case", CASES)
def test_join_is_the_sum_of_the_losses(case):
    case = CASES[case]()
    expected = sum(case.losses().values())
    for engine in ENGINES:
        made = ENGINES[engine](case.model, TASKS)
        torch.testing.assert_close(made.join(case.losses(made.streams())), expected, rtol=1e-14, atol=0)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("changes", [{}, DROPOUT])
def test_recomputed_activations_change_no_bit(engine, changes):
    w2v = {"dropout": 0.1, "attention_dropout": 0.1} if changes else None
    case = real_case(w2v=w2v, **changes)
    made = ENGINES[engine](case.model, TASKS)
    found = []
    for recompute in (False, True):
        torch.manual_seed(7)
        found.append(step(case, made, lambda passing, again=recompute:
                          case.losses(Recomputing(passing) if again else passing)))
        after = torch.rand(1)
        torch.manual_seed(7)
        case.losses()
        assert torch.equal(after, torch.rand(1))  # and the random numbers go on as without it
    for name, gradient in found[0].items():
        assert torch.equal(found[1][name], gradient), name


def test_dropout_is_on_in_the_test_above():
    case = real_case(**DROPOUT)
    assert not torch.equal(case.losses()["st"], case.losses()["st"])


def test_streamed_is_stash_under_dropout():
    case = real_case(w2v={"dropout": 0.1}, **DROPOUT)
    found = []
    for engine in ENGINES:
        torch.manual_seed(7)
        found.append(step_of(case, engine))
    assert_same(found[1], found[0])


@pytest.mark.parametrize("recompute", [False, True])
def test_recompute_runs_a_stage_once_more_for_all_tasks(recompute):
    model, (speech, source, target) = toy()
    runs = []
    model.encoder[0].register_forward_hook(lambda *hook: runs.append(1))
    made = Streamed(model, TASKS)
    joined = made.join(model(speech, source, target, made.streams(), recompute))
    assert len(runs) == 2  # speech and text
    joined.backward()
    assert len(runs) == (4 if recompute else 2)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dropped", ["front end", "encoder"])
def test_a_dropped_layer(engine, dropped):
    case = real_case()
    if dropped == "front end":
        case.model.encoder.front_end._dropped_layers = lambda: [False, True]
        layer = "encoder.front_end.wav2vec2.encoder.layers.1."
    else:
        del case.model.encoder.layers[1]
        layer = "encoder.layers.1."
    expected, _ = mgcm_by_module(case.model, case.losses())
    found = step_of(case, engine)
    assert_same(found, expected)
    assert all(gradient is None for name, gradient in found.items() if name.startswith(layer))


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_engine_serves_steps_with_and_without_a_layer(engine):
    case = real_case()
    made = ENGINES[engine](case.model, TASKS)
    for drop in (True, False, True):
        case.model.encoder.front_end._dropped_layers = lambda drop=drop: [False, drop]
        expected, _ = mgcm_by_module(case.model, case.losses())
        assert_same(step(case, made), expected)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_forward_pass_leaves_gradients_alone(engine):
    case = toy_case()
    made = ENGINES[engine](case.model, TASKS)
    made.join(case.losses(made.streams()))
    assert all(parameter.grad is None for parameter in case.model.parameters())


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("engine", ENGINES)
def test_values_are_those_of_a_plain_forward_pass(case, engine):
    case = CASES[case]()
    expected, found = case.losses(), case.losses(ENGINES[engine](case.model, TASKS).streams())
    assert all(torch.equal(found[task], expected[task]) for task in TASKS)
