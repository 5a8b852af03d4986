"""The subsampler against its formula, and which of its frames see what comes later."""

import pytest
import torch
import torch.nn.functional as F

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.modules.front_end_stream import SubsamplerStream
from mgcm_fairseq.modules.subsampler import ConvSubsampler
from tests.modules.networks import network

KERNELS = [5, 4]


@pytest.mark.parametrize("causal", [False, True])
def test_convolutions_of_stride_2_with_gates(causal):
    made = ConvSubsampler(3, 4, KERNELS, causal).double()
    x_BTC = torch.randn(2, 13, 3).double()
    x = x_BTC.transpose(1, 2)
    for convolution, kernel in zip(made.convs, KERNELS, strict=True):
        padding = (kernel - 1, 0) if causal else (kernel // 2, (kernel - 1) // 2)
        x = F.conv1d(F.pad(x, padding), convolution.weight, convolution.bias, 2)
        x = x[:, :4] * x[:, 4:].sigmoid()
    found = made(x_BTC, torch.tensor([13, 13]))
    torch.testing.assert_close(found, x.transpose(1, 2), rtol=1e-12, atol=1e-12)
    assert made.frames(torch.tensor([13])).item() == found.size(1)


@pytest.mark.parametrize(("kernels", "samples"), [("", 320), ("5", 640), ("5,4", 1280)])
def test_each_convolution_doubles_the_samples_between_frames(kernels, samples):
    assert network(subsample_kernels=kernels).encoder.frame_samples == samples


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 6, 999])
def test_there_is_a_frame_for_every_two_and_none_of_padding_alone(kernel, causal):
    made = ConvSubsampler(3, 4, [kernel], causal)
    assert made.frames(torch.arange(7)).tolist() == [0, 1, 1, 2, 2, 3, 3]
    x_BTC = torch.randn(1, 6, 3)
    for frame in range(3):
        moved_BTC = x_BTC.clone()
        moved_BTC[:, 2 * frame] += 1  # where it stands
        lengths = torch.tensor([6])
        assert not torch.equal(made(moved_BTC, lengths)[:, frame], made(x_BTC, lengths)[:, frame])


@torch.no_grad()
@pytest.mark.parametrize("kernels", [[2], [3], [6], [4, 3, 6]])
@pytest.mark.parametrize("most", [None, 4])
def test_any_kernels_stream(kernels, most):
    made = ConvSubsampler(3, 4, kernels, True).double()
    x_BTC = torch.randn(1, 29, 3).double()
    stream = SubsamplerStream(made, most)
    parts = [stream.extend(part) for part in x_BTC.split([1, 4, 0, 3, 2, 4, 1, 4, 4, 4, 2], 1)]
    whole = made(x_BTC, torch.tensor([29]))
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-12, rtol=0)


@pytest.mark.parametrize("kernels", ["1", "5,1", "0", "-5", "5,x", "5;5", "5,", "5.0", "1000", "9" * 30])
def test_kernels_that_cannot_be_are_refused(kernels):
    with pytest.raises(InputError, match=f"--subsample-kernels: expected whole numbers from 2 to 999.*{kernels!r}"):
        network(subsample_kernels=kernels)


@pytest.mark.parametrize(("block", "ahead"), [(0, True), (160, False)])
def test_the_networks_is_causal_where_the_front_end_hears_in_blocks(block, ahead):
    made = network(front_end_block=block).double().encoder.subsampler
    x_BTC = torch.randn(1, 21, made.convs[0].in_channels).double().requires_grad_()
    made(x_BTC, torch.tensor([21]))[0, 2].sum().backward()
    last = int(x_BTC.grad[0].abs().sum(1).nonzero().max())
    assert (last > 8) == ahead  # frame 2 behind two strides of 2 stands at frame 8
