"""Weights of 8 bits: which layers have them, that none is bypassed, and what is refused."""

import pytest
import torch

from mgcm_fairseq.benchmarks.agents.systems import random_system
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.decoding import int8
from mgcm_fairseq.decoding.int8 import with_int8_weights
from mgcm_fairseq.decoding.packed import REWRITTEN, can_pack
from mgcm_fairseq.decoding.packed_layers import HalvedConvolution, PackedConvolution
from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.modules.cache import Cache
from tests.agents.feeding import feed, waveforms_of, words
from tests.agents.policies import SOON, build


@pytest.fixture(scope="module")
def system():
    return random_system("demo", 640)


def test_every_linear_layer_of_these_parts_has_them_and_is_used(system):
    quantised = with_int8_weights(system)
    there, used = set(), set()
    for part in REWRITTEN:
        layers = [one for one in quantised.network.get_submodule(part).modules()
                  if isinstance(one, torch.ao.nn.quantized.dynamic.Linear)]
        assert len(layers) == sum(type(one) is torch.nn.Linear for one in system.network.get_submodule(part).modules())
        there.update(layers)
        for layer in layers:
            layer.register_forward_hook(lambda module, *_: used.add(module))
    samples = 0.1 * torch.randn(32_000, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        exact, rounded = (one.network.encoder.utterance(samples, one.phase) for one in (system, quantised))
        quantised.network.decoder(torch.tensor([[5, 6]]), rounded, Cache())
    assert used == there, "none is passed by"
    assert "decoder.output" in REWRITTEN
    error = (exact.states - rounded.states).norm() / exact.states.norm()
    assert 0 < error < 0.1


@pytest.mark.parametrize("there", [True, False])
def test_convolutions_have_16_bits_where_the_cpu_multiplies_them(monkeypatch, there):
    """All but the first, which hears the samples. What they give is close to what they would in fp32."""
    if not can_pack():
        pytest.skip("this torch has no oneDNN, or this CPU was not tried")
    monkeypatch.setattr(int8, "has_bf16", lambda: there)
    plain = random_system("demo", 640)
    rounded = with_int8_weights(plain)
    halved = [one for one in rounded.network.modules() if isinstance(one, HalvedConvolution)]
    first = rounded.network.encoder.front_end.wav2vec2.feature_extractor.conv_layers[0][0]
    assert len(halved) == (6 if there else 0)
    assert type(first) is PackedConvolution
    exact = plain.network.encoder.front_end.wav2vec2.feature_extractor.conv_layers[3][0]
    x_BCT = torch.randn(1, exact.in_channels, 40)
    with torch.inference_mode():
        expected = exact(x_BCT)
        made = rounded.network.encoder.front_end.wav2vec2.feature_extractor.conv_layers[3][0](x_BCT)
    error = float((made - expected).norm() / expected.norm())
    assert 1e-4 < error < 0.01 if there else error < 1e-5


def test_the_system_stays_as_it_was(system):
    before = {name: value.clone() for name, value in system.network.state_dict().items()}
    with_int8_weights(system)
    assert all(torch.equal(value, before[name]) for name, value in system.network.state_dict().items())
    assert not any("quantized" in type(one).__module__ for one in system.network.modules())


@pytest.mark.parametrize("policy", ["wait-segment", "AlignAtt"])
def test_agents_write_with_them_and_the_size_of_reads_does_not_matter(tiny_corpus, tiny_segmenting_checkpoint, policy):
    agent = build(policy, f"{SOON[policy][1]} --int8", tiny_segmenting_checkpoint, tiny_corpus)
    samples = waveforms_of(tiny_corpus)[0]
    [text] = {words(feed(agent, samples, read_ms)) for read_ms in (200, 2_000)}
    assert text
    agent.to("cpu")
    for refused in ({"fp16": True}, {"device": "cuda"}):
        with pytest.raises(InputError, match="--int8: expected fp32 on a CPU"):
            agent.to(**{"device": "cpu", **refused})


def test_what_cannot_have_them_is_refused(tiny_corpus, tiny_checkpoint, system):
    with pytest.raises(InputError, match="--int8: expected a model trained with --front-end-block"):
        with_int8_weights(load_system(tiny_checkpoint, tiny_corpus))
    half = random_system("demo", 640)
    half.network.half()
    with pytest.raises(InputError, match=r"--int8: expected fp32 on a CPU, found torch\.float16 on cpu"):
        with_int8_weights(half)


def test_agents_over_one_network_share_one_copy(system):
    first, second = with_int8_weights(system), with_int8_weights(system)
    assert first.network is second.network
    assert first.network is not system.network
    other = random_system("demo", 640)
    assert with_int8_weights(other).network is not first.network
