"""The front end that hears in blocks: nothing depends on a later block; its parts equal fairseq's where they may."""

import json

import pytest
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.modules.cache import Cache
from mgcm_fairseq.modules.front_end_blocks import Blocks, normalise, position, run_layer
from tests.modules.networks import features, network, speech

BLOCK_MS, BLOCK = 160, 2560
SMALL = {"conv_feature_layers": "[(8,10,5)] + [(8,3,2)] * 4 + [(8,2,2)] * 2", "encoder_layers": 2,
         "encoder_embed_dim": 16, "encoder_ffn_embed_dim": 32, "encoder_attention_heads": 2, "conv_pos": 8,
         "conv_pos_groups": 2}


def small(**changes):
    return {"w2v_config": json.dumps({**SMALL, **changes})}


SHAPES = [{}, small(), small(extractor_mode="layer_norm")]


def front_end(**changes):
    return network(front_end_block=BLOCK_MS, **changes).double().encoder.front_end


@pytest.mark.parametrize("shape", SHAPES)
def test_whole_blocks_hear_the_same_in_any_longer_utterance(shape):
    made = front_end(**shape)
    waveform, lengths = speech([15_000])
    whole, _ = features(made, waveform.double(), lengths)
    for end in range(BLOCK, 15_000, BLOCK):
        part, frames = features(made, waveform[:, :end].double(), torch.tensor([end]))
        assert frames.item() == end // 320 - 1, "the last frame of a block needs none of the next block's samples"
        torch.testing.assert_close(part[0], whole[0, :part.size(1)], atol=1e-10, rtol=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_feature_depends_on_samples_behind_its_block(shape):
    made = front_end(**shape)
    waveform, lengths = speech([9_000])
    waveform = waveform.double().requires_grad_()
    heard, _ = features(made, waveform, lengths)
    for frame in (0, 6, 7, 14, 15):
        [gradient] = torch.autograd.grad(heard[0, frame].square().sum(), waveform, retain_graph=True)
        block_end = ((frame * 320 + 399) // BLOCK + 1) * BLOCK
        assert gradient[0, block_end:].abs().max() == 0
        assert gradient[0, block_end - 320:block_end].abs().max() > 0, "within a block everything is heard"


@pytest.mark.parametrize("shape", SHAPES)
def test_features_do_not_depend_on_the_batch(shape):
    made = front_end(**shape)
    waveform, lengths = speech([12_345, 5_120, 400])
    batched, frames = features(made, waveform.double(), lengths)
    for row, length in enumerate(lengths.tolist()):
        alone, _ = features(made, waveform[row:row + 1, :length].double(), lengths[row:row + 1])
        torch.testing.assert_close(batched[row, :frames[row]], alone[0], atol=1e-10, rtol=0)


def test_one_block_for_all_is_the_bidirectional_front_end():
    blocks, plain = network(front_end_block=2000).double(), network().double()
    plain.load_state_dict(blocks.state_dict())
    waveform, lengths = speech([20_000, 9_000])
    for got, expected in zip(features(blocks.encoder.front_end, waveform.double(), lengths),
                             features(plain.encoder.front_end, waveform.double(), lengths), strict=True):
        torch.testing.assert_close(got, expected, atol=1e-10, rtol=0)


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_layer_run_by_hand_is_fairseqs(norm_first):
    made = front_end(**small(layer_norm_first=norm_first))
    layer = made.wav2vec2.encoder.layers[0]
    x_BTC = torch.randn(2, 9, 16, dtype=torch.float64)
    expected, _ = layer(x_BTC.transpose(0, 1), need_weights=False)
    torch.testing.assert_close(run_layer(layer, x_BTC, None), expected.transpose(0, 1), atol=1e-10, rtol=0)
    cache = Cache()
    mask = Blocks(0, 3).mask(9, 0, x_BTC.device)
    parts = [run_layer(layer, part, None, cache, "0") for part in x_BTC.split(3, dim=1)]
    torch.testing.assert_close(torch.cat(parts, 1), run_layer(layer, x_BTC, mask), atol=1e-10, rtol=0)


def test_normalising_uses_the_statistics_so_far():
    norm = torch.nn.GroupNorm(3, 3).double()
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x_BCT = torch.randn(2, 3, 11, dtype=torch.float64)
    got = normalise(x_BCT, torch.tensor([11, 8]), norm, Blocks(1, 4))  # blocks of frames 0-2, 3-6, 7-10
    for row, length in enumerate((11, 8)):
        for start, end in ((0, 3), (3, 7), (7, 11)):
            end = min(end, length)
            heard = x_BCT[row:row + 1, :, :end]
            torch.testing.assert_close(got[row, :, start:end], norm(heard)[0, :, start:end], atol=1e-10, rtol=0)


@pytest.mark.parametrize("kernel", [4, 5, 8])
def test_positions_end_with_their_block(kernel):
    convolution = front_end(**small(conv_pos=kernel)).wav2vec2.encoder.pos_conv
    x_BTC = torch.randn(2, 10, 16, dtype=torch.float64)
    edges = ((0, 1), (1, 4), (4, 7), (7, 10))
    expected = torch.cat([convolution(x_BTC[:, :end].mT)[:, :, start:] for start, end in edges], 2).mT
    for zeros in (kernel // 2, 0):  # as training has it, and agents
        convolution[0].padding = (zeros,)
        torch.testing.assert_close(position(x_BTC, convolution, Blocks(2, 3)), expected, atol=1e-10, rtol=0)


@pytest.mark.parametrize("most", [None, 2])
def test_gradients_are_those_of_finite_differences(most):
    norm = torch.nn.GroupNorm(2, 2).double()
    x_BCT = torch.randn(1, 2, 11, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: normalise(x, torch.tensor([10]), norm, Blocks(1, 3), most)[:, :, :10],
                                    x_BCT)


def test_after_some_blocks_the_group_norm_keeps_its_statistics():
    norm = torch.nn.GroupNorm(4, 4).double()
    torch.nn.init.normal_(norm.weight)
    x_BCT = torch.randn(2, 4, 13, dtype=torch.float64)
    lengths = torch.tensor([13, 4])
    got = normalise(x_BCT, lengths, norm, Blocks(1, 3), most=2)  # blocks of frames 0-1, 2-4, 5-7, 8-10, 11-12
    assert torch.equal(got[:, :, :5], normalise(x_BCT, lengths, norm, Blocks(1, 3))[:, :, :5])
    for row, counted in ((0, 5), (1, 4)):
        mean, variance = x_BCT[row, :, :counted].mean(1), x_BCT[row, :, :counted].var(1, unbiased=False)
        normal = (x_BCT[row] - mean[:, None]) / (variance + norm.eps).sqrt()[:, None]
        expected = normal * norm.weight[:, None] + norm.bias[:, None]
        end = lengths[row]
        torch.testing.assert_close(got[row, :, 2:end], expected[:, 2:end], atol=1e-10, rtol=0)


def test_blocks_that_cannot_be():
    with pytest.raises(ValueError, match="multiples of 320 samples, found 400"):
        network(front_end_block=25)
    with pytest.raises(ValueError, match="known at its end only"):
        network(front_end_block=320, w2v_normalize=True)
    with pytest.raises(InputError, match=r"kernels of at least their strides, found .*2, 4"):
        network(front_end_block=320, **small(conv_feature_layers="[(8,10,5), (8,8,8), (8,2,4)]"))
    network(**small(conv_feature_layers="[(8,10,5), (8,8,8), (8,2,4)]"))


@pytest.mark.parametrize(("option", "others"), [
    ("front_end_block", {}), ("front_end_history", {"front_end_block": 160})])
def test_a_time_below_zero_is_refused(option, others):
    name = option.replace("_", "-")
    with pytest.raises(InputError, match=rf"--{name}: expected 0 ms or more, found -320\. "):
        network(**{**others, option: -320})


def test_positions_of_several_layers_are_refused_for_they_see_padding():
    with pytest.raises(InputError, match=r"--w2v-config.*pos_conv_depth.*\[2\]"):
        network(**small(pos_conv_depth=2))


@torch.no_grad()
@pytest.mark.parametrize("kernel", [1, 2, 3, 8])
def test_positions_of_any_kernel_stream(kernel):
    made = front_end(**small(conv_pos=kernel))
    waveform, lengths = speech([5 * BLOCK + 900])
    whole, _ = features(made, waveform.double(), lengths)
    stream = made.stream(False)
    parts = [stream.extend(samples) for samples in waveform.double().split(BLOCK, 1)]
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-10, rtol=0)


def test_features_are_a_stream_of_all_tasks():
    made = front_end()
    waveform, lengths = speech([5_120])
    stream = made(waveform.double(), lengths, PLAIN, ("st", "asr"))
    assert stream.tasks == ("st", "asr")
