"""Joint directions, signal outside of them, CCA of paired batches: against decompositions of the gradients."""

import pytest
import torch

from mgcm_fairseq.core.sharing.paired import correlations, p_of_pairs
from mgcm_fairseq.core.sharing.similarity import cosines
from mgcm_fairseq.core.sharing.subspace import joint_directions, outside
from tests.core.sharing.planted import gradients


def unit(vectors):
    return vectors.double() / vectors.double().norm(dim=-1, keepdim=True)


def test_joint_directions_are_the_singular_vectors_of_the_gradients():
    units = unit(gradients("aabb", noise=2, batches=8)[0])
    values, weights = joint_directions(units @ units.T, 6)
    _, expected, directions = torch.linalg.svd(units, full_matrices=False)
    torch.testing.assert_close(values, expected[:6])
    torch.testing.assert_close((weights.T @ units @ directions[:6].T).abs(), torch.eye(6).double(), atol=1e-9, rtol=0)


def test_directions_that_are_rounding_are_left_out():
    units = unit(torch.randn(3, 50)).repeat(4, 1)
    assert len(joint_directions(units @ units.T, 10)[0]) == 3


@pytest.mark.parametrize(("rank", "expected"), [(1, (0.0, 0.0, 0.0, 1.0)), (2, (0.0, 0.0, 0.0, 0.0))])
def test_signal_outside_the_first_direction_is_that_of_the_language_that_stands_alone(rank, expected):
    """Three languages pull one way, the fourth at right angles: noise outside counts for nothing."""
    generator = torch.Generator().manual_seed(0)
    signal = torch.zeros(4, 512)
    signal[:3, 0], signal[3, 1] = 1, 1
    noise = torch.randn(2, 4, 64, 512, generator=generator) / 512**0.5
    even, odd = (unit(signal[:, None] + 2 * half).flatten(0, 1) for half in noise)
    found = outside(even @ even.T, odd @ odd.T, even @ odd.T, 4, rank)
    assert found.tolist() == pytest.approx(expected, abs=0.15)


def paired(coupling, batches=64, size=100, seed=0):
    """Gram matrices of two languages, each with three directions of its own whose strengths move together, or not."""
    generator = torch.Generator().manual_seed(seed)
    common = torch.randn(batches, 3, generator=generator).double()
    found = []
    for _ in range(2):
        moved = coupling * common + (1 - coupling**2) ** 0.5 * torch.randn(batches, 3, generator=generator).double()
        basis = torch.linalg.qr(torch.randn(size, 3, generator=generator).double())[0]
        vectors = 2 * moved @ basis.T + torch.randn(batches, size, generator=generator).double() / size**0.5
        found.append(cosines((vectors @ vectors.T)[None])[0])
    return found


def test_correlations_are_those_of_ridge_cca_in_coordinates():
    left, right = paired(0.8)
    expected = []
    for gram in (left, right):
        values, vectors = torch.linalg.eigh(gram)
        rows = vectors * values.clamp(min=0).sqrt()  # vectors with these inner products
        rows = rows - rows.mean(0)
        _, _, axes = torch.linalg.svd(rows, full_matrices=False)
        coordinates = rows @ axes[:4].T
        covariance = coordinates.T @ coordinates
        ridged = covariance + 0.01 * covariance.trace() / 4 * torch.eye(4).double()
        expected.append(coordinates @ torch.linalg.inv(torch.linalg.cholesky(ridged)).T)
    torch.testing.assert_close(correlations(left, right, 4), torch.linalg.svdvals(expected[0].T @ expected[1]))


def test_paired_batches_are_told_from_others():
    generator = torch.Generator().manual_seed(0)
    assert correlations(*paired(0.95), 3).min() > 0.7
    assert p_of_pairs(*paired(0.95), 3, 200, generator) == pytest.approx(1 / 201)
    nulls = [p_of_pairs(*paired(0.0, seed=seed), 3, 100, generator) for seed in range(40)]
    assert sum(p <= 0.05 for p in nulls) <= 5


def test_more_directions_than_a_quarter_of_the_batches_are_refused():
    with pytest.raises(ValueError, match="expected 1 to a quarter of the 64 batches, found 17"):
        correlations(*paired(0.5), 17)
