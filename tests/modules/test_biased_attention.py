"""Attention under a bias that has a gradient, against PyTorch's, and in the network."""

import pytest
import torch
import torch.nn.functional as F

from mgcm_fairseq.core.conflict import ENGINES, Recomputing
from mgcm_fairseq.core.segmentation import expected_visibility
from mgcm_fairseq.measuring.live_bytes import LiveBytes
from mgcm_fairseq.modules import biased_attention
from mgcm_fairseq.modules.biased_attention import attend
from tests.core.conflict.steps import assert_same, gradients, real_case, step, step_of

NAMES = ("query", "key", "value", "bias")
SEGMENTED = {"segmentation_variant": "repaired", "segment_noise": 0.0, "front_end_block": 320}
NEVER = 2**60


def inputs(batch=2, heads=3, queries=9, keys=9, dtype=torch.float64, lengths=(9, 6)):
    """Queries, keys and values as the network has them, (B, H, T, D/H) with another order in memory, and a bias."""
    generator = torch.Generator().manual_seed(2)
    parts = [torch.randn(batch, frames, heads, 4, generator=generator, dtype=torch.float64).to(dtype).transpose(1, 2)
             for frames in (queries, keys, keys)]
    logits_BT = torch.randn(batch, max(queries, keys), generator=generator, dtype=torch.float64)
    bias = expected_visibility(logits_BT, torch.tensor(lengths), dtype)[:, :, :queries, :keys].contiguous()
    return [part.requires_grad_() for part in (*parts, bias)]


def answers(function, parts):
    """What the function makes of the parts, and their gradients."""
    mixed = function(*parts)
    cotangent = torch.randn(mixed.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64).to(mixed)
    return [mixed, *torch.autograd.grad(mixed, parts, cotangent)]


def pytorchs(query, key, value, bias):
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)


@pytest.fixture(params=[1, 9, 30, 54, 2**18])
def tile(request, monkeypatch):
    """Fewer weights at a time than a row has, as many, some rows, two heads, everything."""
    monkeypatch.setattr(biased_attention, "TILE", request.param)


@pytest.mark.usefixtures("tile")
@pytest.mark.parametrize(("sizes", "dtype", "tolerance"), [
    ({}, torch.float64, 1e-10), ({"queries": 4}, torch.float64, 1e-10), ({"queries": 1}, torch.float64, 1e-10),
    ({"keys": 5}, torch.float64, 1e-10), ({"batch": 1, "heads": 1, "lengths": (7,)}, torch.float64, 1e-10),
    ({}, torch.float32, 1e-5),
])
def test_it_is_pytorchs(sizes, dtype, tolerance):
    parts = inputs(dtype=dtype, **sizes)
    expected, found = answers(pytorchs, parts), answers(biased_attention.biased_attention, parts)
    for name, e, f in zip(("answer", *NAMES), expected, found, strict=True):
        assert e.abs().max() > 1e-3  # otherwise this tests nothing
        torch.testing.assert_close(f, e, rtol=0, atol=tolerance, msg=lambda said, name=name: f"{name}: {said}")


@pytest.mark.usefixtures("tile")
def test_gradients():
    assert torch.autograd.gradcheck(biased_attention.biased_attention, inputs())


def test_gradients_of_boundary_logits():
    query, key, value, _ = inputs()
    logits_BT = torch.randn(2, 9, dtype=torch.float64, requires_grad=True)
    of_logits = []
    for attention in (pytorchs, biased_attention.biased_attention):
        bias = expected_visibility(logits_BT, torch.tensor([9, 6]), torch.float64)
        of_logits += torch.autograd.grad(attention(query, key, value, bias).square().sum(), logits_BT)
    assert of_logits[0].abs().max() > 1e-3
    torch.testing.assert_close(of_logits[1], of_logits[0], rtol=0, atol=1e-10)


@pytest.mark.parametrize("attention", [pytorchs, biased_attention.biased_attention])
def test_no_tensor_holds_the_weights_of_all_heads(attention, monkeypatch):
    monkeypatch.setattr(biased_attention, "TILE", 2 * 32 * 32)
    parts = inputs(heads=4, queries=32, keys=32, lengths=(32, 20))
    with LiveBytes(parts) as memory:
        answers(attention, parts)
    largest, _ = max(memory.made)
    assert (largest >= 2 * 4 * 32 * 32 * 8) == (attention is pytorchs)
    assert attention is pytorchs or largest == parts[3].nbytes


@pytest.mark.parametrize(("taken", "dropout", "change"), [
    (True, 0.0, lambda bias: bias), (True, 0.0, lambda bias: bias.float()), (False, 0.5, lambda bias: bias),
    (False, 0.0, lambda bias: bias.detach()), (False, 0.0, lambda bias: bias > -1), (False, 0.0, lambda bias: None),
    (False, 0.0, lambda bias: bias.half()), (False, 0.0, lambda bias: bias[:, :, :3]),
    (False, 0.0, lambda bias: bias.expand(-1, 3, -1, -1)), (False, 0.0, lambda bias: bias[:1]),
])
def test_it_is_taken_where_it_pays_and_nowhere_else(taken, dropout, change, monkeypatch):
    called = []
    monkeypatch.setattr(biased_attention, "SMALLEST", 81)
    monkeypatch.setattr(biased_attention, "biased_attention", lambda *parts: called.append(1) or pytorchs(*parts))
    *parts, bias = inputs()
    bias = change(bias)
    dtype = torch.float64 if bias is None or bias.dtype == torch.bool else bias.dtype
    query, key, value = (part.to(dtype) for part in parts)
    query = query if bias is None else query[:, :, :bias.size(2)]
    torch.manual_seed(5)
    found = attend(query, key, value, bias, dropout)
    assert bool(called) == taken
    torch.manual_seed(5)
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=bias, dropout_p=dropout)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def segmented_case(monkeypatch, smallest):
    monkeypatch.setattr(biased_attention, "SMALLEST", smallest)
    return real_case(**SEGMENTED)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("recompute", [False, True])
def test_the_engines_merge_the_same_gradients(engine, recompute, monkeypatch):
    expected = step_of(segmented_case(monkeypatch, NEVER), engine)
    assert expected["encoder.segmenter.output.weight"].abs().max() > 0
    case = segmented_case(monkeypatch, 0)
    found = step(case, ENGINES[engine](case.model, ("st", "asr", "mt")),
                 lambda passing: case.losses(Recomputing(passing) if recompute else passing))
    assert_same(found, expected)


def test_the_network_takes_it_in_training_and_its_gradients_are_the_same(monkeypatch):
    taken = []
    original = biased_attention.biased_attention
    monkeypatch.setattr(biased_attention, "biased_attention", lambda *parts: taken.append(1) or original(*parts))
    found = []
    for smallest in (NEVER, 0):
        case = segmented_case(monkeypatch, smallest)
        assert not taken
        sum(case.losses().values()).backward()
        found.append(gradients(case.model))
    assert len(taken) == len(case.model.encoder.layers)
    assert_same(found[1], found[0])
    case.model.eval()
    case.losses()
    assert len(taken) == len(case.model.encoder.layers)
