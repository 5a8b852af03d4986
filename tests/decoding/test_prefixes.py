"""Prefixes encoded one after the other are those encoded alone."""

import pytest
import torch

from mgcm_fairseq.decoding.heard import Heard
from mgcm_fairseq.decoding.prefixes import Prefixes
from mgcm_fairseq.decoding.system import load_system
from tests.agents.feeding import waveforms_of


@pytest.mark.parametrize("few_shapes", [False, True])
@pytest.mark.parametrize("step", [2500, 5120, 10_240])  # the front end's blocks have 5,120 samples
def test_states_are_those_of_each_prefix_alone(tiny_corpus, tiny_segmenting_checkpoint, step, few_shapes):
    system = load_system(tiny_segmenting_checkpoint, tiny_corpus)
    encoder = system.network.double().encoder
    for samples in waveforms_of(tiny_corpus)[:4]:
        encoder.few_shapes = few_shapes
        prefixes = Prefixes(system)
        encoder.few_shapes = False  # for what is expected
        assert prefixes.stream is not None
        heard = Heard()
        heard += samples
        for end in [*range(step, len(samples), step), len(samples)]:
            found, expected = prefixes.encode(heard, end), system.encode(torch.tensor(samples[:end]))
            torch.testing.assert_close(found.states, expected.states, atol=1e-10, rtol=0)
            assert torch.equal(found.units, expected.units)
            assert torch.equal(found.lengths, expected.lengths)
            assert heard.kept == len(samples) - end, "what was heard is held by the stream"


def test_an_offline_model_encodes_each_prefix_anew(tiny_corpus, tiny_checkpoint):
    system = load_system(tiny_checkpoint, tiny_corpus)
    samples = waveforms_of(tiny_corpus)[0]
    heard = Heard()
    heard += samples
    assert Prefixes(system).stream is None
    with pytest.raises(ValueError, match="a stream of blocks"):
        Prefixes.stream_of(Prefixes(system))
    torch.testing.assert_close(Prefixes(system).encode(heard, 8000).states,
                               system.encode(torch.tensor(samples[:8000])).states)
