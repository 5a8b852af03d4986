"""Hidden units that are moved keep the sum; singular values as published do not keep what the FFN computes."""

import pytest
import torch
import torch.nn.functional as F

from mgcm_fairseq.core.sharing.split import Units, as_published, relative_change, shared_and_private


def ffn(dim=6, hidden=16, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(shape, generator=generator).double()

    return Units(draw(hidden, dim) / dim**0.5, draw(hidden), draw(dim, hidden) / hidden**0.5), draw(64, dim)


@pytest.mark.parametrize("activation", [F.relu, F.silu, torch.tanh, lambda x: x, lambda x: x.sign() * x**2])
@pytest.mark.parametrize("private", [(0,), (3, 4, 15), (15, 2, 7), tuple(range(1, 16))])
def test_parts_add_up_to_the_whole_whatever_stands_between(activation, private):
    whole, x_ND = ffn()
    parts = shared_and_private(whole, private)
    total = sum(activation(x_ND @ w1.T + b1) @ w2.T for w1, b1, w2 in parts)
    torch.testing.assert_close(total, activation(x_ND @ whole.w1.T + whole.b1) @ whole.w2.T, atol=1e-13, rtol=0)
    assert [len(part.b1) for part in parts] == [16 - len(private), len(private)]
    assert relative_change(whole, *parts, x_ND) < 1e-14
    assert not any(one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
                   for part in parts for one, other in zip(part, whole, strict=True))


@pytest.mark.parametrize(("hidden", "private"), [(16, 8), (16, 4), (4, 2), (16, 14)])
def test_as_published_singular_values_are_divided(hidden, private):
    """Shared are the largest; a group's are all others that it has units for, times its portion."""
    whole, _ = ffn(hidden=hidden)
    portions, biases = (0.75, 0.25), torch.randn(2, private).double()
    shared, groups = as_published(whole, private, portions, biases)
    values = torch.linalg.svdvals(whole.w2 @ whole.w1)
    rank = min(hidden - private, round(6 * (hidden - private) / hidden))
    torch.testing.assert_close(torch.linalg.svdvals(shared.w2 @ shared.w1)[:rank], values[:rank])
    assert torch.linalg.svdvals(shared.w2 @ shared.w1)[rank:].lt(1e-10).all()
    assert torch.equal(shared.b1, whole.b1[:hidden - private])
    for group, portion, bias in zip(groups, portions, biases, strict=True):
        assert torch.equal(group.b1, bias)
        assert group.w1.shape == (private, 6)
        found = torch.linalg.svdvals(group.w2 @ group.w1)[:6 - rank]
        expected = portion * values[rank:]
        torch.testing.assert_close(found, F.pad(expected[:private], (0, max(0, len(expected) - private))))


def test_as_published_another_function_begins():
    """Without what stands between, with a portion of 1 and no bias, it would be the same; with ReLU little is left."""
    whole, x_ND = ffn(128, 512)
    whole = whole._replace(b1=torch.zeros(512).double())
    shared, [group] = as_published(whole, 256, (1.0,), torch.zeros(1, 256).double())
    torch.testing.assert_close(shared.w2 @ shared.w1 + group.w2 @ group.w1, whole.w2 @ whole.w1)
    x_ND = torch.randn(512, 128, generator=torch.Generator().manual_seed(1)).double()
    shared, groups = as_published(whole, 256, (0.25, 0.75), 0.05 * torch.randn(2, 256).double())
    assert all(0.6 < relative_change(whole, shared, of_group, x_ND) < 1.1 for of_group in groups)


def test_as_published_weights_of_fp32_are_factored_in_fp64():
    whole, _ = ffn()
    biases = torch.randn(1, 8).double()
    exact, narrow = as_published(whole, 8, (1.0,), biases), as_published(
        Units(*(value.float() for value in whole)), 8, (1.0,), biases.float())
    for one, other in zip((exact[0], *exact[1]), (narrow[0], *narrow[1]), strict=True):
        assert {value.dtype for value in other} == {torch.float32}
        torch.testing.assert_close((other.w2 @ other.w1).double(), one.w2 @ one.w1, atol=1e-5, rtol=0)
