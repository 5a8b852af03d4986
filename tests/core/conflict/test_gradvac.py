"""GradVac: the paper's algorithm, and its targets over steps, groups, absent gradients and resumed trainings."""

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from mgcm_fairseq.core.conflict.rules.gradvac import GradVac
from tests.core.conflict import oracles
from tests.core.conflict.inputs import drawn, gradients, gramian
from tests.core.conflict.test_rules import GENERAL, HAND, TASKS


def test_gradvac_by_hand_on_two_tasks():
    # Targets are 0 at first, where Eq. 2 is PCGrad; the cosine is -1/sqrt(2), for g_1 too.
    rule = GradVac(beta=0.5)
    torch.testing.assert_close(rule(gramian(HAND[:2]), ["a"], 0)[0], torch.tensor([[1, 1], [0.5, 1]]))
    target = -0.5 / math.sqrt(2)
    torch.testing.assert_close(rule.targets["a"], torch.tensor([[0, target], [target, 0]]))


@pytest.mark.parametrize("tasks", [2, 3, 4])
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_gradvac_is_the_papers_over_several_steps(tasks, seed, scale):
    rule, oracle = GradVac(seed, beta=0.3), oracles.GradVac(tasks, seed, beta=0.3)
    for step in range(12):
        g_TD = drawn("random", tasks, 6, 100 * seed + step, scale) + (1 if step > 5 else 0) * scale  # cosines rise
        found = rule(gramian(g_TD), ["a"], step)[0].sum(0) @ g_TD
        torch.testing.assert_close(found, oracle(g_TD, step), rtol=1e-8, atol=1e-9 * scale)
        torch.testing.assert_close(rule.targets["a"], torch.tensor(oracle.targets, dtype=torch.float64))
    assert (rule.targets["a"].abs() > 0.01).any()


@given(gradients(GENERAL, tasks=(2,)), st.floats(-0.9, 0.9))
def test_gradvac_turns_a_pair_exactly_to_its_target(g_TD, target):
    assume(len(g_TD[0]) > 1)
    rule = GradVac()
    rule.load_state_dict({"tasks": ["x", "y"], "targets": {"a": torch.full((2, 2), target, dtype=torch.float64)}},
                         ["x", "y"])
    cosine = torch.cosine_similarity(g_TD[0], g_TD[1], dim=0, eps=0)
    assume(cosine > -0.999)
    changed = rule(gramian(g_TD), ["a"], 0)[0] @ g_TD
    for i, j in ((0, 1), (1, 0)):
        after = torch.cosine_similarity(changed[i], g_TD[j], dim=0, eps=0)
        assert after.item() == pytest.approx(max(cosine.item(), target), abs=1e-9)


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_cosine_that_rounding_takes_beyond_one_counts_as_one(sign):
    beyond = sign * torch.tensor([[sign, 1 + 1e-7], [1 + 1e-7, sign]], dtype=torch.float64)[None]
    exact = beyond.clamp(-1, 1)
    found, expected = GradVac(beta=0.5), GradVac(beta=0.5)
    torch.testing.assert_close(found(beyond, ["a"], 0), expected(exact, ["a"], 0), atol=1e-6, rtol=0)
    assert found.targets["a"].abs().max() <= 0.5
    torch.testing.assert_close(found.targets["a"], expected.targets["a"], atol=1e-6, rtol=0)


def test_gradvac_keeps_targets_by_group():
    rule = GradVac()
    rule(torch.cat([gramian(drawn(seed=0)), gramian(drawn(seed=1))]), ["a", "b"], 0)
    before = rule.targets["b"].clone()
    rule(gramian(drawn(seed=2)), ["a"], 1)
    assert torch.equal(rule.targets["b"], before)
    assert not torch.equal(rule.targets["a"], before)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_gradvac_targets_survive_a_step_that_overflows(bad):
    rule, g_TD = GradVac(), drawn()
    rule(gramian(g_TD), ["a"], 0)
    before = rule.targets["a"].clone()
    assert before.any()
    g_TD[1, 0] = bad
    rule(gramian(g_TD), ["a"], 1)
    assert rule.targets["a"].isfinite().all()
    assert torch.equal(rule.targets["a"][:, 1], before[:, 1])
    assert torch.equal(rule.targets["a"][1], before[1])


def test_gradvac_targets_move_once_in_a_step_that_is_done_again():
    """As after an overflow, or where a step is looked at once more: the last time counts."""
    once, again = GradVac(beta=0.5), GradVac(beta=0.5)
    for step in range(3):
        wholes = {group: gramian(drawn(seed=10 * step + position)) for position, group in enumerate("ab")}
        again(torch.cat([gramian(drawn(seed=99)), wholes["b"]]), ["a", "b"], step)  # the attempt that did not count
        for rule in (again, once):
            answers = [rule(whole, [group], step) for group, whole in wholes.items()]
            if rule is again:
                repeated = answers
        assert all(torch.equal(*pair) for pair in zip(repeated, answers, strict=True))
        assert all(torch.equal(again.targets[group], once.targets[group]) for group in "ab")
    assert once.targets["a"].any()


def test_gradvac_targets_wait_for_both_gradients():
    rule = GradVac()
    rule(gramian(drawn("no primary")), ["a"], 0)
    assert not rule.targets["a"][0].any()
    assert not rule.targets["a"][:, 0].any()
    assert rule.targets["a"][1, 2] != 0


def test_gradvac_targets_stay_while_a_gradient_is_absent():
    rule = GradVac(beta=0.5)
    rule(gramian(drawn(seed=4)), ["a"], 0)
    before = rule.targets["a"].clone()
    rule(gramian(drawn("no auxiliary", seed=5)), ["a"], 1)  # the first of them
    for pair in ((0, 1), (1, 0), (1, 2), (2, 1)):
        assert rule.targets["a"][pair] == before[pair] != 0
    assert rule.targets["a"][0, 2] != before[0, 2]


@pytest.mark.parametrize("now", [["mt", "st", "asr"], ["st", "mt"], ["asr", "new", "st"], ["new"]])
def test_gradvac_takes_targets_over_by_the_names_of_the_tasks(now):
    before, after = GradVac(beta=0.5), GradVac(beta=0.5)
    for step in range(3):
        before(torch.cat([gramian(drawn(seed=step)), gramian(drawn(seed=step + 9))]), ["a", "b"], step)
    assert before.targets["a"].ne(before.targets["a"].T).any()  # a pair has two targets, one for each direction
    after.load_state_dict(before.state_dict(TASKS), now)
    for group in ("a", "b"):
        for i, one in enumerate(now):
            for j, other in enumerate(now):
                known = one in TASKS and other in TASKS
                expected = before.targets[group][TASKS.index(one), TASKS.index(other)] if known else 0
                assert after.targets[group][i, j] == expected
    assert after(gramian(drawn(tasks=len(now))), ["a"], 3).shape == (1, len(now), len(now))


def test_a_state_dict_does_not_change_with_the_rule():
    rule = GradVac()
    rule(gramian(drawn(seed=0)), ["a"], 0)
    saved = rule.state_dict(TASKS)
    before = saved["targets"]["a"].clone()
    rule(gramian(drawn(seed=1)), ["a"], 1)
    assert torch.equal(saved["targets"]["a"], before)


def test_a_target_of_one_which_only_rounding_reaches_leaves_numbers():
    rule = GradVac(beta=0.5)
    rule.load_state_dict({"tasks": TASKS[:2], "targets": {"a": torch.ones(2, 2, dtype=torch.float64)}}, TASKS[:2])
    mixing = rule(gramian(HAND[:2].double()), ["a"], 0)
    assert mixing.isfinite().all()
    assert mixing[0, 0, 1] > 1
