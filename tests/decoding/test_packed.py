"""Packed weights: the numbers of the plain layers, where they are used and where not."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from mgcm_fairseq.benchmarks.agents.systems import random_system
from mgcm_fairseq.decoding import packed
from mgcm_fairseq.decoding.int8 import with_int8_weights
from mgcm_fairseq.decoding.packed import can_pack, pack, unpack
from mgcm_fairseq.decoding.packed_layers import Packed, PackedConvolution, PackedLinear, PackedPositions
from mgcm_fairseq.modules.cache import Cache
from mgcm_fairseq.modules.streaming import speech_stream

pytestmark = pytest.mark.skipif(not can_pack(), reason="this torch has no oneDNN, or this CPU was not tried")


@pytest.fixture
def system(monkeypatch):
    """The demo's network, of which every linear layer counts as large."""
    monkeypatch.setattr(packed, "LARGE", 1)
    return random_system("demo", 640)


def encoded(system):
    samples = 0.1 * torch.randn(32_000, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        memory = system.network.encoder.utterance(samples, system.phase)
        return memory.states, system.network.decoder(torch.tensor([[5, 6]]), memory, Cache())


@pytest.mark.parametrize("shape", [(1, 8), (32, 8), (2, 3, 8)])
def test_a_layer_gives_what_float64_gives(shape):
    layer, x = nn.Linear(8, 5), torch.randn(shape)
    with torch.inference_mode():
        torch.testing.assert_close(PackedLinear.of(layer)(x), layer.double()(x.double()).float())


@pytest.mark.parametrize(("convolution", "kind"), [
    (nn.Conv1d(6, 5, 3, stride=2, bias=False), PackedConvolution), (nn.Conv1d(6, 5, 2, stride=2), PackedConvolution),
    (nn.Conv1d(1, 5, 10, stride=5), PackedConvolution), (nn.Conv1d(6, 6, 4, groups=2), PackedPositions)])
def test_a_convolution_gives_what_float64_gives(convolution, kind):
    """Of frames that lie in memory one behind the other, or a channel's together; and of another length later."""
    made, exact = kind.of(convolution), deepcopy(convolution).double()
    with torch.inference_mode():
        for frames in (31, 31, 17, 10):
            x_BTC = torch.randn(2, frames + 4, convolution.in_channels)[:, 4:]
            for x_BCT in (x_BTC.mT, x_BTC.mT.contiguous()):
                torch.testing.assert_close(made(x_BCT), exact(x_BCT.double()).float(), atol=1e-5, rtol=1e-5)
    assert made._packed is not None
    x = torch.randn(1, convolution.in_channels, 20)
    assert torch.equal(made(x), convolution(x)), "with gradients it is the plain layer"
    assert type(made.plain()) is nn.Conv1d


def test_streams_of_packed_layers_give_the_same_up_to_rounding(system):
    """Blocks of one length, and the rest at the end, which is shorter."""
    samples = 0.1 * torch.randn(40_000, generator=torch.Generator().manual_seed(0))
    states = []
    for packing in (False, True):
        if packing:
            pack(system.network)
        stream = speech_stream(system.network.encoder)
        with torch.inference_mode():
            for part in samples.split(7_000):
                stream.extend(part, False)
            stream.extend(samples[:0], True)
        states.append(stream.memory.states)
    torch.testing.assert_close(states[1], states[0], atol=1e-4, rtol=1e-4)
    convolutions = [one for one in system.network.modules() if isinstance(one, PackedConvolution | PackedPositions)]
    assert len(convolutions) == 8
    assert all(one._packed is not None for one in convolutions), "each has been used"


def test_a_network_gives_the_same_up_to_rounding(system):
    before = encoded(system)
    pack(system.network)
    assert sum(isinstance(one, PackedLinear) for one in system.network.modules()) > 20
    for one, other in zip(encoded(system), before, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    layers = [one for one in system.network.modules() if isinstance(one, PackedLinear)]
    assert all(one._packed is not None for one in layers), "each has been used"


def test_with_gradients_or_another_type_it_is_the_plain_layer():
    layer, x = nn.Linear(8, 5), torch.randn(3, 8)
    made = PackedLinear.of(layer)
    assert torch.equal(made(x), layer(x))
    assert made._packed is None
    with torch.inference_mode():
        made(x)
        assert made._packed is not None
        half = made.to(torch.bfloat16)
        assert torch.equal(half(x.bfloat16()), layer.to(torch.bfloat16)(x.bfloat16()))
        assert made._packed is None, "it would be that of the old weight"


def test_copies_have_weights_of_their_own(system):
    pack(system.network)
    encoded(system)
    other = deepcopy(system.network)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
        layer = next(one for one in other.modules() if isinstance(one, PackedLinear))
        assert not layer(torch.randn(1, layer.in_features)).any()


def test_8_bits_are_of_the_weights_before(system):
    expected = encoded(with_int8_weights(system))
    other = random_system("demo", 640)
    pack(other.network)
    for one, before in zip(encoded(with_int8_weights(other)), expected, strict=True):
        assert torch.equal(one, before)
    unpack(other.network)
    assert not any(isinstance(one, Packed) for one in other.network.modules())


def test_small_layers_and_front_ends_that_hear_all_at_once_stay_as_they_are(monkeypatch):
    demo = random_system("demo", 640)
    monkeypatch.setattr(packed, "LARGE", max(one.weight.numel() for one in demo.network.modules()
                                             if isinstance(one, nn.Linear)) + 1)
    pack(demo.network)
    monkeypatch.setattr(packed, "LARGE", 1)
    whole = random_system("demo", 0)
    pack(whole.network)
    for network in (demo.network, whole.network):
        assert not any(isinstance(one, Packed) for one in network.modules())


def test_the_demos_digits_stay(monkeypatch):
    demo = random_system("demo", 640)
    assert max(one.weight.numel() for one in demo.network.modules() if isinstance(one, nn.Linear)) < packed.LARGE
