"""Streaming under every layout of wav2vec 2.0: what it holds equals a whole pass; in fp64."""

import json

import pytest
import torch

from mgcm_fairseq.modules.schedule import Phase
from mgcm_fairseq.modules.streaming import speech_stream
from tests.modules.networks import network, speech

SMALL = {"conv_feature_layers": "[(8,10,5)] + [(8,3,2)] * 4 + [(8,2,2)] * 2", "encoder_layers": 2,
         "encoder_embed_dim": 16, "encoder_ffn_embed_dim": 24, "encoder_attention_heads": 2, "conv_pos": 8,
         "conv_pos_groups": 2, "layer_norm_first": False}
LAYOUTS = {"post-norm, as wav2vec_small": {}, "pre-norm": {"layer_norm_first": True},
           "layer norm behind convolutions": {"extractor_mode": "layer_norm", "conv_bias": True},
           "as wide as its convolutions": {"encoder_embed_dim": 8}}


def encoder(layout, block=320):
    config = json.dumps({**SMALL, **layout})
    made = network(w2v_config=config, front_end_block=block, segmentation_variant="repaired").double().encoder
    for parameter in made.front_end.parameters():
        if parameter.dim() == 1:
            torch.nn.init.normal_(parameter, mean=1.0, std=0.2)  # norms that do something
    torch.nn.init.normal_(made.segmenter.output.weight)
    return made


@torch.no_grad()
@pytest.mark.parametrize("few_shapes", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_stream_of_reads_equals_a_whole_pass(layout, few_shapes):
    made = encoder(LAYOUTS[layout])
    made.few_shapes = few_shapes
    waveform, samples = speech([17_500])
    waveform = waveform.double()
    stream = speech_stream(made)
    for piece in waveform[0].split(777):
        stream.extend(piece, False)
    stream.extend(waveform[0, :0], True)
    whole = made.speech(waveform, samples, Phase(segmented=True))
    torch.testing.assert_close(stream.memory.states, whole.states, atol=1e-10, rtol=0)
    assert torch.equal(stream.memory.units, whole.units)
    assert stream.segments > 1


@torch.no_grad()
@pytest.mark.parametrize("block", [320, 0])
def test_as_many_samples_as_a_frame_is_made_of_are_a_segment(block):
    stream = speech_stream(encoder({}, block))
    stream.extend(speech([400])[0][0].double(), True)
    assert stream.memory.states.size(1) == stream.segments == 1
