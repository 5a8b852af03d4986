"""PCD: the minimum of its programme, TorchJD's answers over several steps, and what it remembers."""

import pytest
import torch
from hypothesis import given

from mgcm_fairseq.core.conflict.rules.pcd import DECAY, PCD, SHARE, nearest_to_first
from tests.core.conflict.inputs import drawn, gradients, gramian


def by_ascent(gramian_TT, steps=4_000):
    """The multipliers by projected ascent on the dual, which converges slowly and knows no working sets."""
    inner, wanted = gramian_TT[1:, 1:], SHARE * gramian_TT.diagonal()[1:] - gramian_TT[1:, 0]
    multipliers, rate = torch.zeros(len(inner), dtype=inner.dtype), 1 / inner.diagonal().sum()
    for _ in range(steps):
        multipliers = (multipliers + rate * (wanted - inner @ multipliers)).clamp(min=0)
    return torch.cat([multipliers.new_ones(1), multipliers])


@pytest.mark.parametrize("tasks", [2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_minimum(tasks, seed):
    g_TD = drawn("random", tasks, 7, seed)
    found, expected = nearest_to_first(gramian(g_TD))[0], by_ascent(gramian(g_TD)[0])
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


@given(gradients(tasks=(2, 3)))
def test_every_auxiliary_makes_its_share_of_progress_unless_that_cannot_be(g_TD):
    gramian_TT = gramian(g_TD)[0]
    weights = nearest_to_first(gramian_TT[None])[0]
    d = weights @ g_TD
    assert weights[0] == 1
    assert (weights >= 0).all()
    if weights[1:].any():
        assert (g_TD @ d - SHARE * gramian_TT.diagonal() >= -1e-8 * gramian_TT.diagonal().max())[1:].all()


def test_two_auxiliaries_that_oppose_each_other_cannot_both_progress():
    g_TD = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]).double()
    assert nearest_to_first(gramian(g_TD)).tolist() == [[1, 0, 0]]


def test_it_is_torchjds_over_several_steps():
    aggregation = pytest.importorskip("torchjd.aggregation")
    theirs, ours = aggregation.PCDWeighting(SHARE, DECAY, eps=0.0), PCD()
    bound = 0
    for step in range(12):
        g_TD = drawn("random", 3, 6, step) * torch.tensor([[1.0], [0.2], [7.0]]).double()
        found = ours(gramian(g_TD), ["a"], step)[0].sum(0)
        torch.testing.assert_close(found, theirs(gramian(g_TD)[0]), rtol=1e-8, atol=1e-10)
        bound += int((found[1:] > 0).sum())
    assert bound > 6


@given(gradients(["random", "uneven"], tasks=(2, 3)))
def test_the_answer_has_the_length_of_the_primary_gradient(g_TD):
    answer = PCD()(gramian(g_TD), ["a"], 0)[0].sum(0) @ g_TD
    assert answer.norm() <= g_TD[0].norm() * (1 + 1e-9)
    assert answer.norm() >= g_TD[0].norm() * (1 - 1e-6) or answer.norm() < 1e-6 * g_TD.norm()


def test_running_means_are_taken_over_by_name_and_survive_an_overflow():
    rule = PCD()
    for step in range(3):
        rule(gramian(drawn(seed=step)), ["a"], step)
    before = rule.state_dict(["st", "asr", "mt"])
    rule(torch.full((1, 3, 3), torch.inf).double(), ["a"], 3)
    assert torch.equal(rule.state_dict(["st", "asr", "mt"])["means"]["a"], before["means"]["a"])
    other = PCD()
    other.load_state_dict(before, ["mt", "new", "st"])
    found = other.state_dict(["mt", "new", "st"])["means"]["a"]
    assert torch.equal(found[:, [0, 2]], before["means"]["a"][:, [2, 0]])
    assert not found[:, 1].any()
