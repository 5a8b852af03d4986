"""What grows in place holds what copies would, and nobody's part of it changes."""

import random

import pytest
import torch

from mgcm_fairseq.modules.cache import LEAST, Cache, Growing


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_steps_gives_what_copies_give(seed):
    """Appending, dropping, forking; forks go on by themselves, and so does what was forked."""
    draw, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    pairs = [(Growing(torch.randn(2, 1, 3, generator=generator)), None)]
    pairs = [(one, one.value.clone()) for one, _ in pairs]
    held = []  # parts that somebody holds, and their copies
    with torch.inference_mode():
        for _ in range(120):
            index = draw.randrange(len(pairs))
            one, expected = pairs[index]
            what = draw.random()
            if what < 0.75:
                new = torch.randn(2, draw.randint(0, 30), 3, generator=generator)
                expected = torch.cat([expected, new], 1)
                assert one.append(new) is one.value
            elif what < 0.9:
                steps = draw.randint(1, 80)
                one.keep_last(steps)
                expected = expected[:, -steps:]
            elif len(pairs) < 4:
                pairs.append((one.fork(), expected))
            pairs[index] = one, expected
            held.append((one.value, one.value.clone()))
            assert torch.equal(one.value, expected)
    assert all(torch.equal(part, copy) for part, copy in held)


@torch.inference_mode()
def test_it_moves_seldom_and_its_buffer_has_a_bound():
    one, buffers = Growing(torch.zeros(1, 1, 2)), set()
    for _ in range(1_000):
        one.append(torch.zeros(1, 1, 2))
        one.keep_last(100)
        buffers.add(one.value.untyped_storage().data_ptr())
        assert one.value.untyped_storage().nbytes() <= 2 * 4 * max(LEAST, 2.5 * 101)
    assert one.dropped == 901
    assert len(buffers) < 15


def test_with_gradients_it_is_copied():
    one, part = Growing(torch.zeros(1, 1, 2)), torch.ones(1, 1, 2, requires_grad=True)
    one.append(part)
    one.append(part).sum().backward()
    assert torch.equal(part.grad, torch.full((1, 1, 2), 2.0))


@torch.inference_mode()
def test_a_cache_counts_what_it_dropped_and_takes_what_others_put():
    cache = Cache()
    assert cache.steps("k") == 0
    for size in (3, 2):
        cache.append("k", torch.full((1, 1, size, 2), float(size)))
    cache.keep_last("k", 4)
    assert (cache.steps("k"), cache["k"].size(2)) == (5, 4)
    fork = cache.fork()
    fork.append("k", torch.zeros(1, 1, 1, 2))
    cache["k"] = cache["k"][:, :, :-1]
    assert cache.append("k", torch.full((1, 1, 1, 2), 9.0))[0, 0, :, 0].tolist() == [3, 3, 2, 9]
    assert fork["k"][0, 0, :, 0].tolist() == [3, 3, 2, 2, 0]
    assert fork.steps("k") == 6
