"""Recomputed stages under autocast: the same types and, bit for bit, the same gradients as without recomputation."""

import pytest
import torch

from mgcm_fairseq.core.conflict import ENGINES, PLAIN, Recomputing
from tests.core.conflict.steps import TASKS, gradients, real_case, step, toy_case

CASES = {"toy": toy_case, "network": real_case}


def types_of(case):
    """Notes the type of each linear answer, in the order of the calls; the list, and what ends it.

    But for the output, which a plain pass alone calls as a layer.
    """
    seen = []
    handles = [module.register_forward_hook(lambda module, given, answer: seen.append((id(module), answer.dtype)))
               for name, module in case.model.named_modules()
               if isinstance(module, torch.nn.Linear) and name != "decoder.output"]
    return seen, lambda: [handle.remove() for handle in handles]


def run(case, engine, recompute):
    seen, end = types_of(case)

    def losses(passing=PLAIN):
        with torch.autocast("cpu", torch.bfloat16):
            return {task: loss.float() for task, loss in case.losses(
                Recomputing(passing) if recompute else passing).items()}

    if engine:
        found = step(case, ENGINES[engine](case.model, TASKS), losses)
    else:
        case.model.zero_grad()
        sum(losses().values()).backward()
        found = gradients(case.model)
    end()
    return found, seen


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("engine", [None, *ENGINES])  # None: ordinary autograd
def test_recomputation_repeats_the_autocast_of_the_forward_pass(engine, case):
    case = CASES[case](dtype=torch.float32)
    (expected, once), (found, twice) = (run(case, engine, recompute) for recompute in (False, True))
    assert {dtype for _, dtype in once} == {torch.bfloat16}
    assert twice[:len(once)] == once
    assert len(twice) > len(once)  # some ran again
    assert {dtype for _, dtype in twice} == {torch.bfloat16}
    for name, gradient in expected.items():
        assert (gradient is None) == (found[name] is None)
        assert gradient is None or torch.equal(gradient, found[name]), name


@pytest.mark.parametrize("engine", ENGINES)
def test_autocast_of_the_backward_pass_is_not_the_stages(engine):
    """Its own holds again once a stage has been repeated."""
    case = toy_case(dtype=torch.float32)
    expected = step(case, ENGINES[engine](case.model, TASKS))
    made = ENGINES[engine](case.model, TASKS)
    case.model.zero_grad()
    joined = made.join(case.losses(Recomputing(made.streams())))
    with torch.autocast("cpu", torch.bfloat16):
        joined.backward()
        assert torch.is_autocast_enabled("cpu")
    assert not torch.is_autocast_enabled("cpu")
    found = gradients(case.model)
    assert found.keys() == expected.keys()
