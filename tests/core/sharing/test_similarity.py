"""Similarity of languages' gradients: against loops, and what must change nothing."""

import math

import pytest
import torch

from mgcm_fairseq.core.sharing.similarity import (
    as_drawn,
    canonical,
    cosines,
    deltas,
    known,
    of_groups,
    purities,
    scores,
    similarities,
    similarity,
    true_cosines,
)
from tests.core.sharing.planted import gradients, gramians

LANGUAGES, EACH = 3, 5


def loops(vectors, languages, each):
    """S by its definition."""
    unit = [vector / vector.norm() for vector in vectors.double()]
    rows = [unit[a * each:(a + 1) * each] for a in range(languages)]
    return torch.tensor([[
        sum(float(u @ v) for k, u in enumerate(rows[a]) for other, v in enumerate(rows[b]) if a != b or k != other)
        / (each * (each - (a == b))) for b in range(languages)] for a in range(languages)], dtype=torch.float64)


@pytest.fixture
def vectors():
    return gradients("aab", noise=2, batches=EACH, size=40)[0].double()


def found(vectors, languages=LANGUAGES):
    return similarities(cosines((vectors @ vectors.T)[None]), languages)[0]


def test_it_is_what_loops_find(vectors):
    expected = loops(vectors, LANGUAGES, EACH)
    torch.testing.assert_close(found(vectors), expected, rtol=1e-10, atol=1e-14)
    own = expected.diagonal()
    for a in range(LANGUAGES):
        others = sum(float(expected[a, b]) for b in range(LANGUAGES) if b != a) / (LANGUAGES - 1)
        assert float(deltas(expected)[a]) == pytest.approx(float(own[a]) - others)
        assert float(purities(expected)[a]) == pytest.approx(float(own[a]) / (float(own[a]) + others))
        for b in range(LANGUAGES):
            assert float(true_cosines(expected)[a, b]) == pytest.approx(
                float(expected[a, b]) / math.sqrt(float(own[a] * own[b])))
    assert float(scores(expected)) == pytest.approx(float(deltas(expected).mean() / own.mean()))


def test_groups_are_judged_as_languages_are(vectors):
    """A group's S is the mean over all pairs of its languages, as of one language whose batches are theirs."""
    expected = loops(vectors, LANGUAGES, EACH)
    by_hand = torch.tensor([[expected[:2, :2].mean(), expected[:2, 2].mean()],
                            [expected[2, :2].mean(), expected[2, 2]]])
    torch.testing.assert_close(of_groups(expected, ((0, 1), (2,))), by_hand.double())
    torch.testing.assert_close(of_groups(expected, ((0,), (1,), (2,))), expected)


def test_pairs_of_a_batch_and_itself_are_left_out():
    """Vectors at right angles agree in nothing; with the pairs of a batch and itself S_aa would be 1/K."""
    assert torch.equal(found(torch.eye(12)), torch.zeros(3, 3).double())


def test_of_a_batch_that_was_drawn_twice_its_copies_are_no_pair(vectors):
    counts = as_drawn(LANGUAGES, len(vectors))
    counts[0, 0, 0], counts[0, 1, 0] = 2, 0  # of the first language: batches 0, 0, 2, 3, 4
    unit = vectors[[0, 0, 2, 3, 4]] / vectors[[0, 0, 2, 3, 4]].norm(dim=1, keepdim=True)
    pairs = [(k, other) for k in range(5) for other in range(5) if k != other and {k, other} != {0, 1}]
    expected = sum(float(unit[k] @ unit[other]) for k, other in pairs) / len(pairs)
    measured = similarity(cosines((vectors @ vectors.T)[None])[0], counts)
    assert float(measured[0, 0, 0]) == pytest.approx(expected)


def test_the_order_of_languages_and_the_scale_of_gradients_do_not_matter(vectors):
    scaled = vectors * torch.logspace(-9, 9, len(vectors), dtype=torch.float64)[:, None]
    torch.testing.assert_close(found(scaled), found(vectors), rtol=1e-9, atol=1e-12)
    order = torch.tensor([2, 0, 1])
    turned = vectors.view(LANGUAGES, EACH, -1)[order].flatten(0, 1)
    torch.testing.assert_close(found(turned), found(vectors)[order][:, order])


@pytest.mark.parametrize("noise", [0.1, 2, 8])
def test_two_halves_of_one_language_have_a_true_cosine_of_one_at_any_noise(noise):
    """And S alone falls by more than an order of magnitude."""
    measured = similarities(cosines(gramians("aa", own=0, noise=noise, batches=64, draws=20)), 2)
    assert float(true_cosines(measured)[:, 0, 1].mean()) == pytest.approx(1, abs=0.03)
    assert float(measured[:, 0, 1].mean()) == pytest.approx(1 / (1 + noise**2), rel=0.05)


def test_a_language_without_signal_is_unknown():
    whole = gradients("ab", noise=4, draws=300, batches=32)
    noise = torch.randn(whole[:, :32].shape, generator=torch.Generator().manual_seed(1))
    mixed = torch.cat([whole[:, :32], noise], 1)
    share = known(cosines((mixed @ mixed.transpose(1, 2)).double()), 2).double().mean(0)
    assert share[0] == 1
    assert share[1] < 0.05  # at two errors, 2.3 % of a normal distribution
    assert torch.equal(true_cosines(torch.tensor([[0.5, 0.1], [0.1, -0.1]])).isnan(), torch.tensor([[False, True],
                                                                                                  [True, True]]))


@pytest.mark.parametrize("own", [0.0, -0.1])
def test_languages_without_signal_have_no_score(own):
    assert scores(torch.tensor([[own, 0.1], [0.1, own]])).isnan()


def test_a_gradient_of_zeros_agrees_with_none(vectors):
    vectors[0] = 0
    measured = cosines((vectors @ vectors.T)[None])[0]
    assert measured.isfinite().all()
    assert not measured[0].any()
    assert math.isnan(scores(torch.zeros(2, 2)))


def test_what_is_refused(vectors):
    with pytest.raises(ValueError, match="expected finite numbers, found nan or infinity"):
        cosines(torch.full((1, 8, 8), torch.nan))
    for languages, batches in ((1, 8), (2, 6), (3, 16)):
        with pytest.raises(ValueError, match=f"found {languages} languages and {batches} batches"):
            as_drawn(languages, batches)


def test_partitions_have_one_form():
    assert canonical([[3, 2], [1, 0]]) == ((0, 1), (2, 3))
