"""Rules: what holds for any gradients, hand-computed values, and the papers' algorithms on explicit gradients."""

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from mgcm_fairseq.core.conflict.rules import RULES, make_rule
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
def test_hand_computed_gradients(name, expected):
    assert merged(name, HAND).tolist() == expected


def test_pcgrad_by_hand_on_two_tasks():
    # g_0 = (2, 0) loses -2/2 g_1: (1, 1). g_1 = (-1, 1) loses -2/4 g_0: (0, 1).
    assert mixing("pcgrad", gramian(HAND[:2]))[0].tolist() == [[1, 1], [0.5, 1]]
    assert merged("pcgrad", HAND[:2]).tolist() == [1, 2]


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


def test_a_rule_made_without_a_seed_has_seed_0():
    whole = gramian(drawn(tasks=4, dim=3, seed=8))
    named, first, second = ([rule(whole, ["a"], step) for step in range(10)]
                            for rule in (make_rule("pcgrad"), PCGrad(0), PCGrad(1)))
    assert all(map(torch.equal, named, first))
    assert not all(map(torch.equal, named, second))


def test_pcgrad_uses_one_order_for_all_groups():
    g_TD = drawn(tasks=4, dim=3, seed=8)
    for step in range(10):
        first, second = PCGrad()(gramian(g_TD).repeat(2, 1, 1), ["a", "b"], step)
        assert torch.equal(first, second)


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
    assert set(RULES) == {"mgcm", "discard", "sum", "pcgrad", "gradvac", "pcd"}
    for name in RULES:
        assert make_rule(name, seed=1)(gramian(drawn()), ["a"], 0).shape == (1, 3, 3)
