"""Weightings of tasks: their papers' equations by autograd, hand-computed values, what changes nothing."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mgcm_fairseq.core.task_weights import (
    Adam,
    DynamicAverage,
    Famo,
    NormWeights,
    RandomWeights,
    Settled,
    Uncertainty,
    accumulated_squares,
    norm_ratio,
)

KINDS = {"uncertainty": lambda: Uncertainty(3), "dwa": lambda: DynamicAverage(3, 2), "famo": lambda: Famo(3),
         "random": lambda: RandomWeights(3, seed=5)}


def losses(count, seed=0):
    """Three tasks' losses in so many updates, falling at different rates."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(count, 3, generator=generator, dtype=torch.float64)
    return torch.tensor([5.0, 2.0, 0.5]).double() * (0.9 + 0.2 * noise) * torch.linspace(1, 0.5, count)[:, None]


def run(weighting, given, start=0):
    """The weights before each update and behind the last."""
    found = [weighting.weights.clone()]
    for number, row in enumerate(given, start + 1):
        weighting.settle(Settled(row, number, 0.01))
        found.append(weighting.weights.clone())
    return torch.stack(found)


def test_adam_is_torchs():
    ours, values = Adam(3), torch.zeros(3, dtype=torch.float64, requires_grad=True)
    theirs = torch.optim.Adam([values], lr=0.03)
    for gradient in losses(20, seed=1) - 1.5:
        ours.step(gradient, 0.03)
        values.grad = gradient
        theirs.step()
    torch.testing.assert_close(ours.values, values.detach(), rtol=1e-12, atol=0)


def test_uncertainty_learns_what_kendalls_loss_teaches():
    s = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    theirs = torch.optim.Adam([s], lr=0.01)
    expected = [torch.ones(3, dtype=torch.float64)]
    for row in losses(15):
        theirs.zero_grad()
        sigma = (s / 2).exp()
        (row / sigma**2 + sigma.log()).sum().backward()  # Eq. 10
        theirs.step()
        expected.append((-s).exp().detach())
    torch.testing.assert_close(run(Uncertainty(3), losses(15)), torch.stack(expected), rtol=1e-10, atol=0)


def test_uncertainty_tends_to_one_over_twice_the_loss():
    weighting = Uncertainty(3)
    for number in range(1, 2000):
        weighting.settle(Settled(torch.tensor([4.0, 1.0, 0.25]).double(), number, 0.01))
    torch.testing.assert_close(weighting.weights, torch.tensor([0.125, 0.5, 2.0]).double(), rtol=1e-3, atol=0)


def test_dwa_by_hand():
    """Two updates an interval: means 2, 4 and 1, then 1, 4 and 2: ratios 1/2, 1 and 2."""
    given = torch.tensor([[1.0, 4, 1], [3, 4, 1], [1, 4, 3], [1, 4, 1], [1, 4, 1]]).double()
    found = run(DynamicAverage(3, 2), given)
    assert torch.equal(found[:4], torch.ones(4, 3).double())
    powers = [math.exp(ratio / 2) for ratio in (0.5, 1, 2)]
    expected = torch.tensor([3 * power / sum(powers) for power in powers]).double()
    torch.testing.assert_close(found[4], expected)
    assert torch.equal(found[5], found[4])


def test_famo_is_its_algorithm_by_autograd():
    xi = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    theirs = torch.optim.Adam([xi], lr=0.025, weight_decay=0.01)
    expected, before = [torch.ones(3, dtype=torch.float64)], None
    for row in losses(15):
        if before is not None:
            [xi.grad] = torch.autograd.grad(torch.softmax(xi, 0), xi, before.log() - row.log())
            theirs.step()
        before = row
        level = row.clone().requires_grad_()
        z = torch.softmax(xi.detach(), 0)
        ((z * level.log()).sum() / (z / row).sum()).backward()  # the loss that the update descends
        expected.append(3 * level.grad)
    torch.testing.assert_close(run(Famo(3), losses(15)), torch.stack(expected), rtol=1e-10, atol=0)


def test_famo_gives_more_to_the_task_that_falls_slowest():
    given = torch.stack([torch.tensor([0.9**step, 0.99**step, 0.9**step]) for step in range(30)]).double()
    weighting = Famo(3)
    run(weighting, given)
    share = weighting.weights * given[-1]
    assert share[1] > 1.5 * share[0]
    torch.testing.assert_close(weighting.weights.sum(), torch.tensor(3.0).double())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stop", [1, 2, 5])
def test_a_state_goes_on_bit_for_bit(kind, stop):
    whole, first, second = (KINDS[kind]() for _ in range(3))
    expected = run(whole, losses(9))
    run(first, losses(9)[:stop])
    second.load_state_dict(first.state_dict())
    assert torch.equal(run(second, losses(9)[stop:], stop), expected[stop:])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_spoils_nothing(kind, bad):
    given = losses(8)
    given[3, 1] = bad
    assert run(KINDS[kind](), given).isfinite().all()


def test_an_interval_without_a_finite_loss_leaves_dwas_weights():
    given = losses(10)
    given[6:8] = math.nan
    found = run(DynamicAverage(3, 2), given)
    assert found.isfinite().all()
    assert torch.equal(found[8], found[7])
    assert not torch.equal(found[6], torch.ones(3).double())


@pytest.mark.parametrize("kind", ["dwa", "famo"])
def test_the_unit_of_a_loss_does_not_matter_to_how_it_falls(kind):
    """Nats or bits: DWA reads ratios, and FAMO's shares of the weighted loss read logarithms."""
    unit = torch.tensor([1.0, 1.4427, 10.0]).double()
    ours, theirs = run(KINDS[kind](), losses(9)), run(KINDS[kind](), losses(9) * unit)
    if kind == "famo":
        ours, theirs = (part[1:] * given for part, given in ((ours, losses(9)), (theirs, losses(9) * unit)))
        ours, theirs = (part / part.sum(1, keepdim=True) for part in (ours, theirs))
    torch.testing.assert_close(ours, theirs)


def test_random_weights_are_softmax_of_normal_numbers_drawn_for_each_update_and_seed():
    drawn = run(RandomWeights(3, seed=1), losses(4000))
    torch.testing.assert_close(drawn.sum(1), torch.full((4001,), 3.0).double())
    assert len({tuple(row) for row in drawn.tolist()}) == 4001
    normal_CT = drawn.log() - drawn.log().mean(1, keepdim=True)  # N(0, I - 1/3) under the softmax
    expected = torch.eye(3).double() - 1 / 3
    torch.testing.assert_close(normal_CT.T.cov(), expected, rtol=0, atol=0.06)
    torch.testing.assert_close(normal_CT.mean(0), torch.zeros(3).double(), rtol=0, atol=0.06)
    assert not torch.equal(run(RandomWeights(3, seed=2), losses(3)), drawn[:4])
    assert torch.equal(run(RandomWeights(3, seed=1), losses(3, seed=9)), drawn[:4]), "they follow no loss"


def test_norm_weights_by_the_closed_form():
    weights = NormWeights(("st", "asr", "mt"), floor=0.0)
    for number in range(1, 8):
        weights.change(number, {"asr": 0.8, "mt": 0.9})
        exponents = [min(number, most) * (min(number, most) + 1) / 2 for most in (3, 5)]
        assert weights.weights == pytest.approx({"st": 1.0, "asr": 0.8**exponents[0], "mt": 0.9**(exponents[1] / 2)})
    assert weights.weights == pytest.approx({"st": 1.0, "asr": 0.8**6, "mt": 0.9**7.5})


def test_a_weight_below_the_floor_is_off_for_good():
    weights = NormWeights(("st", "asr"), floor=0.1)
    found = []
    for number, ratio in enumerate((0.6, 0.6, 0.6, 1.0), 1):
        weights.change(number, {"asr": ratio})
        found.append(weights.weights["asr"])
    assert found == pytest.approx([0.6, 0.6**3, 0, 0])


@pytest.mark.parametrize(("ratio", "kept"), [(math.nan, 1), (math.inf, 1), (0.0, 1), (1.7, 1), (0.5, 0.5)])
def test_ratios_that_say_nothing_keep_the_weight(ratio, kept):
    weights = NormWeights(("st", "mt"), floor=0.1)
    weights.change(2, {"mt": ratio})
    assert weights.weights["mt"] == kept


@given(st.integers(0, 1000), st.floats(0.01, 100))
def test_the_ratio_is_of_mean_norms_and_the_largest_of_the_places(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    norms = scale * (0.1 + torch.rand(6, 2, generator=generator, dtype=torch.float64))
    expected = max((norms[groups, 1].mean() / norms[groups, 0].mean()).item() for groups in ([0, 2], [3, 4, 5]))
    assert norm_ratio(norms.square(), 1, [[0, 2], [3, 4, 5]]) == pytest.approx(expected)


def test_groups_without_one_of_the_gradients_do_not_count():
    squares = torch.tensor([[4.0, 1.0], [math.nan, 100.0], [9.0, math.nan]])
    assert norm_ratio(squares, 1, [[0, 1, 2]]) == 0.5
    assert norm_ratio(squares, 1, [[1, 2], [0]]) == 0.5
    assert math.isnan(norm_ratio(squares, 1, [[1, 2], []]))
    assert math.isnan(norm_ratio(torch.tensor([[0.0, 1.0]]), 1, [[0]]))  # the primary task asks for nothing


def test_the_published_norms_are_those_of_gradients_that_nothing_clears():
    """MT's, ASR's and ST's backward passes one after the other, into the same .grad."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(4, 3).double() for _ in range(2)]
    inputs = torch.randn(3, 5, 4, dtype=torch.float64)
    scales = {"st": 1.0, "asr": 0.4, "mt": 0.7}  # the weights

    def loss(task):
        own = inputs[list(scales).index(task)]
        return scales[task] * sum(layer(own).sin().sum() for layer in layers)

    rows = [[torch.autograd.grad(loss(task), list(layer.parameters())) for task in scales] for layer in layers]
    flat_NTD = torch.stack([torch.stack([torch.cat([part.flatten() for part in of_task]) for of_task in row])
                            for row in rows])
    found = accumulated_squares(flat_NTD @ flat_NTD.transpose(1, 2), [2, 1, 0])
    for position, task in ((2, "mt"), (1, "asr"), (0, "st")):
        loss(task).backward()
        expected = torch.stack([torch.cat([part.grad.flatten() for part in layer.parameters()]).square().sum()
                                for layer in layers])
        torch.testing.assert_close(found[:, position], expected, rtol=1e-12, atol=0)
