"""The subsampler against its formula, and which of its frames see what comes later."""

import pytest
import torch
import torch.nn.functional as F

from mgcm_fairseq.modules.subsampler import ConvSubsampler
from tests.modules.networks import network

KERNELS = [5, 4]


@pytest.mark.parametrize("causal", [False, True])
def test_convolutions_of_stride_2_with_gates(causal):
    made = ConvSubsampler(3, 4, KERNELS, causal).double()
    x_BTC = torch.randn(2, 13, 3).double()
    x = x_BTC.transpose(1, 2)
    for convolution, kernel in zip(made.convs, KERNELS, strict=True):
        half = kernel // 2
        x = F.conv1d(F.pad(x, (2 * half, 0) if causal else (half, half)), convolution.weight, convolution.bias, 2)
        x = x[:, :4] * x[:, 4:].sigmoid()
    found = made(x_BTC, torch.tensor([13, 13]))
    torch.testing.assert_close(found, x.transpose(1, 2), rtol=1e-12, atol=1e-12)
    assert made.frames(torch.tensor([13])).item() == found.size(1)


@pytest.mark.parametrize(("kernels", "samples"), [("", 320), ("5", 640), ("5,4", 1280)])
def test_each_convolution_doubles_the_samples_between_frames(kernels, samples):
    assert network(subsample_kernels=kernels).encoder.frame_samples == samples


@pytest.mark.parametrize(("block", "ahead"), [(0, True), (160, False)])
def test_the_networks_is_causal_where_the_front_end_hears_in_blocks(block, ahead):
    made = network(front_end_block=block).double().encoder.subsampler
    x_BTC = torch.randn(1, 21, made.convs[0].in_channels).double().requires_grad_()
    made(x_BTC, torch.tensor([21]))[0, 2].sum().backward()
    last = int(x_BTC.grad[0].abs().sum(1).nonzero().max())
    assert (last > 8) == ahead  # frame 2 behind two strides of 2 stands at frame 8
