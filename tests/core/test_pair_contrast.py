"""The contrast of pairs against a loop in fp64, and what it is least for."""

import math

import pytest
import torch

from mgcm_fairseq.core.pair_contrast import pair_contrast, state_means


def looped(speech, text):
    found = []
    for one in range(len(speech)):
        scores = [torch.dot(speech[one], other) / (speech[one].norm() * other.norm()) / 0.1 for other in text]
        found.append(math.log(sum(math.exp(score) for score in scores)) - scores[one])
    return torch.stack(found)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("size", [1, 2, 7])
def test_it_is_what_a_loop_finds(size):
    speech, text = random(size, 5), random(size, 5, seed=1)
    torch.testing.assert_close(pair_contrast(speech, text), looped(speech, text), atol=1e-12, rtol=0)


def test_means_are_of_what_is_no_padding():
    states, lengths = random(3, 6, 4), torch.tensor([6, 2, 0])
    states[1, 2:] = 1e6
    found = state_means(states, lengths)
    expected = torch.stack([states[0].mean(0), states[1, :2].mean(0), torch.zeros(4).double()])
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
    assert state_means(states.bfloat16(), lengths).dtype == torch.float32


def test_pairs_that_are_alike_have_the_least_loss_of_the_batch():
    text = random(6, 8)
    own = pair_contrast(text, text)
    assert (own < math.log(6)).all()
    for shift in range(1, 6):
        assert (pair_contrast(text.roll(shift, 0), text) > own).all()
    torch.testing.assert_close(pair_contrast(3.0 * text, 0.5 * text), own)


def test_one_pair_alone_has_none():
    assert pair_contrast(random(1, 4), random(1, 4, seed=1)).abs().max() < 1e-12
