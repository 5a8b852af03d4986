"""A toy in which sharing costs: one FFN that four languages pass, two of which ask for one map and two for another."""

import pytest
import torch
from torch import nn

from mgcm_fairseq.core.sharing import (
    Units,
    adjusted_rand,
    cosines,
    cross_fit,
    halves,
    private_count,
    private_units,
    share_ratio,
    shared_and_private,
    unit_similarities,
)

DIM, HIDDEN, ROWS, BATCHES = 6, 32, 32, 32
MAP = (0, 1, 0, 1)  # the one that each language asks for
TRUTH, RANDOM = ((0, 2), (1, 3)), ((0, 1), (2, 3))
NOISE = 0.5  # of the answers: an error of its square remains whatever the network does
SHARED = ((0, 1, 2, 3),)


class Toy(nn.Module):
    """Shared units, and of each group private ones."""

    def __init__(self, shared, private, groups):
        super().__init__()
        self.group_of = {language: number for number, group in enumerate(groups) for language in group}
        self.weights = nn.ParameterList([nn.Parameter(weight.clone()) for units in (shared, *[private] * len(groups))
                                         for weight in units])

    def forward(self, x_ND, language):
        own = 3 * (1 + self.group_of[language])
        return sum(Units(*self.weights[start:start + 3]).outputs(x_ND) for start in (0, own))


def maps():
    return torch.randn(2, DIM, DIM, generator=torch.Generator().manual_seed(1))


def batch(language, generator):
    x_ND = torch.randn(ROWS, DIM, generator=generator)
    noise_ND = NOISE * torch.randn(ROWS, DIM, generator=generator)
    return x_ND, x_ND @ maps()[MAP[language]].T + noise_ND


def loss(network, language, generator):
    x_ND, answer_ND = batch(language, generator)
    return (network(x_ND, language) - answer_ND).square().mean()


def trained(network, updates=250, seed=2):
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for update in range(updates):
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * (1 - update / updates)
        optimizer.zero_grad()
        sum(loss(network, language, generator) for language in range(4)).backward()
        optimizer.step()
    return network


@torch.no_grad()
def error(network):
    generator = torch.Generator().manual_seed(9)
    return float(sum(loss(network, language, generator) for language in range(4) for _ in range(20)) / 80)


@pytest.fixture(scope="module")
def whole():
    """The units of the network that all languages share, trained."""
    generator = torch.Generator().manual_seed(0)
    begin = Units(torch.randn(HIDDEN, DIM, generator=generator) / DIM**0.5, torch.zeros(HIDDEN),
                  torch.randn(DIM, HIDDEN, generator=generator) / HIDDEN**0.5)
    shared = trained(Toy(begin, begin.some([]), SHARED))
    return Units(*(weight.detach() for weight in shared.weights[:3]))


@pytest.fixture(scope="module")
def plan(whole):
    """Groups and private units by gradients of single batches; shared where they do not differ."""
    network, generator = Toy(whole, whole.some([]), SHARED), torch.Generator().manual_seed(5)
    units = []  # of each batch, the gradient of each hidden unit
    for language in range(4):
        for _ in range(BATCHES):
            w1, b1, w2 = torch.autograd.grad(loss(network, language, generator), list(network.weights)[:3])
            units.append(torch.cat([w1, b1[:, None], w2.T], 1).double())
    unit_BHE = torch.stack(units)
    flat_BE = unit_BHE.flatten(1)
    gramian_NBB = (flat_BE @ flat_BE.T)[None]
    fit, = cross_fit(gramian_NBB, 4, seed=1, draws=50)
    assert fit.differs
    odd_BHE = (unit_BHE / flat_BE.norm(dim=1)[:, None, None])[1::2].unflatten(0, (4, -1))
    assert torch.allclose(cosines(halves(gramian_NBB, 4)[1])[0, 0, 1], (odd_BHE[0, 0] * odd_BHE[0, 1]).sum())
    sums_LHE = odd_BHE.sum(1)
    similarity_HLL = unit_similarities(torch.einsum("lhe,mhe->hlm", sums_LHE, sums_LHE),
                                       odd_BHE.square().sum((1, 3)).T, BATCHES // 2)
    return fit.groups, private_units(similarity_HLL, fit.groups, private_count(HIDDEN, share_ratio(fit.score)))


def test_the_plan_finds_the_conflicting_maps(plan):
    groups, private = plan
    assert adjusted_rand(groups, TRUTH) == 1
    assert 0 < len(private) < HIDDEN


def test_its_error_is_that_of_the_true_groups_and_random_groups_are_no_better_than_sharing(whole, plan):
    groups, private = plan
    found = error(trained(Toy(*shared_and_private(whole, private), groups)))
    random = error(trained(Toy(*shared_and_private(whole, private), RANDOM)))
    apart = error(trained(Toy(whole.some([]), whole, TRUTH)))  # all units for each map
    shared = error(trained(Toy(whole, whole.some([]), SHARED)))
    assert found < 1.05 * apart
    assert random > 0.99 * shared
    assert found < shared / 4
