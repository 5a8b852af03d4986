"""The published analysis: by loops over the gradients, and what of it noise decides."""

import pytest
import torch

from mgcm_fairseq.core.sharing.published import energies, similarity_with_self, stepped_ratio, two_groups
from mgcm_fairseq.core.sharing.similarity import cosines, similarities
from tests.core.sharing.planted import gradients


def units(names, **kwargs):
    found = gradients(names, **kwargs)[0].double()
    return found / found.norm(dim=1, keepdim=True)


def test_self_pairs_add_what_similarity_leaves_out():
    found = units("aab", noise=2, batches=10)
    measured = similarity_with_self(found @ found.T, 3)
    means = found.view(3, 10, -1).mean(1)
    torch.testing.assert_close(measured, means @ means.T)
    repaired = similarities(cosines((found @ found.T)[None]), 3)[0]
    torch.testing.assert_close(measured.diagonal() - repaired.diagonal(), (1 - repaired.diagonal()) / 10)


@pytest.mark.parametrize(("names", "groups"), [("aabb", ((0, 1), (2, 3))), ("abbb", ((0,), (1, 2, 3))),
                                               ("ab", ((0,), (1,)))])
def test_two_groups_are_those_of_least_squares(names, groups):
    found = units(names, noise=2)
    assert two_groups(similarity_with_self(found @ found.T, len(names))) == groups


def test_alike_languages_are_two_groups_too():
    found = units("aaaa", own=0, noise=2)
    assert len(two_groups(similarity_with_self(found @ found.T, 4))) == 2


@pytest.mark.parametrize(("delta", "ratio"), [(0.04, 0.75), (0.0501, 0.5), (0.14, 0.5), (0.16, 0.25)])
def test_ratios_follow_steps_of_delta(delta, ratio):
    assert stepped_ratio(torch.tensor([[0.5, 0.5 - delta], [0.5 - delta, 0.5]])) == ratio


def test_energies_are_those_of_the_singular_vectors():
    found = units("aab", noise=2, batches=20)
    directions = torch.linalg.svd(found, full_matrices=False)[2][:30]
    energy = (found @ directions.T).square().sum(1).view(3, 20).mean(1)
    expected = [float(energy[:2].sum() / energy.sum()), float(energy[2] / energy.sum())]
    assert energies(found @ found.T, 3, ((0, 1), (2,))) == pytest.approx(expected)
    assert expected[0] == pytest.approx(2 / 3, abs=0.05)  # how many languages the group has, and little else
