"""Rules: what holds for any gradients, hand-computed values, and the papers' algorithms on explicit gradients."""

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from mgcm_fairseq.core.conflict.rules import RULES, make_rule
from mgcm_fairseq.core.conflict.rules.gradvac import GradVac
from mgcm_fairseq.core.conflict.rules.pcgrad import PCGrad
from tests.core.conflict import oracles
from tests.core.conflict.inputs import drawn, gradients, gramian
from tests.core.conflict.steps import merged

ASYMMETRIC = ("sum", "mgcm", "discard")  # these judge every auxiliary alone, against the primary
GENERAL = ("random", "uneven")


def mixing(name, gramian_NTT, step=0):
    return make_rule(name)(gramian_NTT, [str(group) for group in range(len(gramian_NTT))], step)


@given(gradients(), st.sampled_from([torch.float64, torch.float32]))
def test_mgcm_leaves_no_auxiliary_that_opposes_the_primary(g_TD, dtype):
    weights = mixing("mgcm", gramian(g_TD).to(dtype))[0].double()
    changed = weights @ g_TD
    allowed = 10 * torch.finfo(dtype).eps * g_TD[0].norm() * g_TD.norm(dim=1)
    assert (changed @ g_TD[0] >= -allowed)[1:].all()
    assert torch.equal(changed[0], g_TD[0])


@given(gradients())
def test_mgcm_removes_from_an_auxiliary_only_what_is_parallel_to_the_primary(g_TD):
    removed = mixing("mgcm", gramian(g_TD))[0] @ g_TD - g_TD
    assert (removed.norm(dim=1) <= g_TD.norm(dim=1) * (1 + 1e-9)).all()
    torch.testing.assert_close(removed @ g_TD[0], -removed.norm(dim=1).neg() * g_TD[0].norm(), rtol=1e-9, atol=0)


@pytest.mark.parametrize("name", RULES)
@given(g_TD=gradients(), exponent=st.integers(-10, 16))
def test_a_loss_scale_common_to_all_tasks_changes_nothing(name, g_TD, exponent):
    scaled = gramian(g_TD * 2.0**exponent)
    assert torch.equal(mixing(name, scaled), mixing(name, gramian(g_TD)))


@pytest.mark.parametrize("name", ASYMMETRIC)
@given(g_TD=gradients(tasks=(4,)), auxiliaries=st.permutations([1, 2, 3]))
def test_the_order_of_auxiliaries_does_not_matter(name, g_TD, auxiliaries):
    order = [0, *auxiliaries]
    whole = gramian(g_TD)
    assert torch.equal(mixing(name, whole[:, order][:, :, order]), mixing(name, whole)[:, order][:, :, order])


@pytest.mark.parametrize("name", ASYMMETRIC)
@given(g_TD=gradients(["no primary", "nothing"]))
def test_without_a_primary_gradient_the_plain_sum_remains(name, g_TD):
    torch.testing.assert_close(merged(name, g_TD), g_TD.sum(0), rtol=1e-12, atol=0)
    torch.testing.assert_close(merged(name, [None, *g_TD[1:]]), g_TD.sum(0), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", RULES)
@given(g_TD=gradients(["no auxiliary", "no primary"], tasks=(2,)))
def test_a_task_alone_keeps_its_gradient(name, g_TD):
    torch.testing.assert_close(merged(name, g_TD), g_TD.sum(0), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["sum", "mgcm", "discard", "pcgrad"])
@given(g_TD=gradients())
def test_without_conflict_the_weights_are_those_of_the_plain_sum(name, g_TD):
    assert torch.equal(mixing(name, gramian(g_TD.abs()))[0], torch.eye(len(g_TD), dtype=g_TD.dtype))


@pytest.mark.parametrize("name", RULES)
@given(g_TD=gradients())
def test_zero_gradients_make_no_nan(name, g_TD):
    assert mixing(name, gramian(g_TD)).isfinite().all()
    assert merged(name, g_TD).isfinite().all()


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("task", [0, 1, 2])
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_nan_and_inf_come_through(name, bad, task, seed):
    g_TD = drawn(seed=seed)
    g_TD[task, 2] = bad
    assert not merged(name, g_TD)[2].isfinite()


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("task", [0, 1])
def test_inf_beside_zero_gradients_comes_through(name, task):
    g_TD = torch.zeros(3, 4)
    g_TD[task, 0] = math.inf
    assert not merged(name, g_TD)[0].isfinite()


@pytest.mark.parametrize("name", RULES)
@given(g_TD=gradients(), other_TD=gradients())
def test_groups_do_not_see_each_other(name, g_TD, other_TD):
    assume(len(g_TD) == len(other_TD))
    both = torch.cat([gramian(g_TD), gramian(other_TD)])
    together = mixing(name, both)
    torch.testing.assert_close(together[0], mixing(name, both[:1])[0], rtol=1e-12, atol=1e-300)
    torch.testing.assert_close(together[1], mixing(name, both[1:])[0], rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("name", RULES)
def test_the_gramian_is_left_as_it_is(name):
    given_NTT = gramian(drawn())
    before = given_NTT.clone()
    mixing(name, given_NTT)
    assert torch.equal(given_NTT, before)


TASKS = ["st", "asr", "mt"]
# g_0 = (2, 0), g_1 = (-1, 1), g_2 = (1, -2): g_1 opposes both others.
HAND = torch.tensor([[2.0, 0.0], [-1.0, 1.0], [1.0, -2.0]])


@pytest.mark.parametrize(("name", "expected"), [
    ("sum", [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    ("mgcm", [[1, 0, 0], [0.5, 1, 0], [0, 0, 1]]),  # 2 / |g_0|^2 = 1/2
    ("discard", [[1, 0, 0], [0, 0, 0], [0, 0, 1]]),
])
def test_hand_computed_mixings(name, expected):
    assert mixing(name, gramian(HAND))[0].tolist() == expected


@pytest.mark.parametrize(("name", "expected"), [("sum", [2, -1]), ("mgcm", [3, -1]), ("discard", [3, -2])])
def test_hand_computed_updates(name, expected):
    assert merged(name, HAND).tolist() == expected


def test_pcgrad_by_hand_on_two_tasks():
    # g_0 = (2, 0) loses -2/2 g_1: (1, 1). g_1 = (-1, 1) loses -2/4 g_0: (0, 1).
    assert mixing("pcgrad", gramian(HAND[:2]))[0].tolist() == [[1, 1], [0.5, 1]]
    assert merged("pcgrad", HAND[:2]).tolist() == [1, 2]


def test_gradvac_by_hand_on_two_tasks():
    # Targets are 0 at first, where Eq. 2 is PCGrad; the cosine is -1/sqrt(2), for g_1 too.
    rule = GradVac(beta=0.5)
    torch.testing.assert_close(rule(gramian(HAND[:2]), ["a"], 0)[0], torch.tensor([[1, 1], [0.5, 1]]))
    target = -0.5 / math.sqrt(2)
    torch.testing.assert_close(rule.targets["a"], torch.tensor([[0, target], [target, 0]]))


@pytest.mark.parametrize(("primary", "auxiliary", "weight"), [
    ([1, 0], [-1e-30, 1], 1e-30), ([1, 0], [0, 1], 0), ([1, 0], [1e-30, 1], 0),
])
def test_mgcm_is_continuous_where_the_sign_flips(primary, auxiliary, weight):
    g_TD = torch.tensor([primary, auxiliary], dtype=torch.float64)
    assert mixing("mgcm", gramian(g_TD))[0].tolist() == [[1, 0], [weight, 1]]


@given(gradients(GENERAL), st.integers(0, 5), st.integers(0, 5))
def test_pcgrad_is_the_papers(g_TD, seed, step):
    found = PCGrad(seed)(gramian(g_TD), ["a"], step)[0].sum(0) @ g_TD
    torch.testing.assert_close(found, oracles.pcgrad(g_TD, seed, step), rtol=1e-8, atol=1e-12 * g_TD.norm().item())


def test_pcgrad_draws_the_order_from_seed_and_step():
    g_TD = drawn(tasks=4, dim=3, seed=8)

    def weights(seed, step):
        return PCGrad(seed)(gramian(g_TD), ["a"], step)

    assert all(torch.equal(weights(3, step), weights(3, step)) for step in range(10))
    assert len({tuple(weights(3, step).flatten().tolist()) for step in range(20)}) > 1
    assert len({tuple(weights(seed, 3).flatten().tolist()) for seed in range(20)}) > 1


def test_pcgrad_uses_one_order_for_all_groups():
    g_TD = drawn(tasks=4, dim=3, seed=8)
    for step in range(10):
        first, second = PCGrad()(gramian(g_TD).repeat(2, 1, 1), ["a", "b"], step)
        assert torch.equal(first, second)


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
        wholes = {group: gramian(drawn(seed=10 * step + place)) for place, group in enumerate("ab")}
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


@pytest.mark.parametrize("name", RULES)
def test_a_resumed_rule_goes_on_where_it_stopped(name, tmp_path):
    through, first, second = make_rule(name, 3), make_rule(name, 3), make_rule(name, 3)
    for step in range(8):
        if step == 4:
            torch.save(first.state_dict(TASKS), tmp_path / "rule.pt")
            second.load_state_dict(torch.load(tmp_path / "rule.pt"), TASKS)
        resumed = first if step < 4 else second
        whole = gramian(drawn(seed=step))
        assert torch.equal(resumed(whole, ["a"], step), through(whole, ["a"], step))
    first.load_state_dict(second.state_dict(TASKS), TASKS)
    assert str(first.state_dict(TASKS)) == str(through.state_dict(TASKS))


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


@pytest.mark.parametrize(("name", "whole"), [("sum", False), ("mgcm", False), ("discard", False), ("pcgrad", True),
                                             ("gradvac", True)])
@given(g_TD=gradients(GENERAL, tasks=(4,)))
def test_whole_gramian_says_whether_a_rule_reads_more_than_the_first_row(name, whole, g_TD):
    g_TD[0].zero_()  # so that nothing but products of auxiliaries is left
    assert make_rule(name).whole_gramian is whole
    if not whole:
        assert torch.equal(mixing(name, gramian(g_TD)), torch.eye(4, dtype=torch.float64)[None])


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_stateful_if_it_has_something_to_save(name):
    rule = make_rule(name)
    rule(gramian(drawn()), ["a"], 0)
    assert rule.stateful == bool(rule.state_dict(TASKS))


def test_an_unknown_rule_is_told_the_known_ones():
    with pytest.raises(ValueError, match=r"expected one of mgcm, .*sum.* or torchjd:NAME, found 'mgmc'"):
        make_rule("mgmc")


def test_every_rule_can_be_made():
    assert set(RULES) == {"mgcm", "discard", "sum", "pcgrad", "gradvac"}
    for name in RULES:
        assert make_rule(name, seed=1)(gramian(drawn()), ["a"], 0).shape == (1, 3, 3)
