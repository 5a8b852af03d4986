"""A system whose linear layers and convolutions have weights of 8 bits, for a CPU."""

import warnings
from copy import deepcopy
from dataclasses import replace
from typing import cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.decoding.packed import PARTS, can_pack, keep_normed_weights, layers, pack_convolutions, unpack
from mgcm_fairseq.decoding.packed_layers import can_be_windows, of_windows, windows_of
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.modules.simul_st import SimulSTNetwork

_rounded: WeakKeyDictionary[SimulSTNetwork, SimulSTNetwork] = WeakKeyDictionary()


class Windowed(nn.Module):
    """A convolution whose product is a linear layer's, which can be rounded; see `PackedConvolution`."""

    def __init__(self, convolution: nn.Conv1d) -> None:
        super().__init__()
        self.kernel_size, self.stride = convolution.kernel_size, convolution.stride
        self.out_channels = convolution.out_channels
        weight = of_windows(convolution)
        self.linear = nn.Linear(weight.size(1), weight.size(0), convolution.bias is not None)
        self.linear.weight, self.linear.bias = nn.Parameter(weight), convolution.bias

    def forward(self, x_BCT: Tensor) -> Tensor:
        """(B, C, T) -> (B, C', T')."""
        frames: Tensor = self.linear(windows_of(x_BCT, self.kernel_size[0], self.stride[0]))
        return frames.mT


def with_int8_weights(system: System) -> System:
    """A system with a copy of the weights, one for all agents over the same network. They are rounded to 8 bits for
    each output; what a layer reads is rounded, too, in steps that fit its largest value.

    torch.ao does it, which PyTorch still has and calls deprecated; torchao, which is to replace it, is slower without a
    compiler (docs/evaluation.md).

    InputError for a front end that hears all at once, since fairseq's attention reads weights past their layers; and
    for anything but fp32 on a CPU.
    """
    found = system.network.decoder.embedding.weight
    if found.device.type != "cpu" or found.dtype != torch.float32:
        raise InputError("--int8", "fp32 on a CPU", f"{found.dtype} on {found.device}", "Leave it out.")
    if not system.network.encoder.front_end.block:
        raise InputError("--int8", "a model trained with --front-end-block", "a front end that hears all at once",
                         "Leave it out.")
    if system.network not in _rounded:
        _rounded[system.network] = _quantised(system.network)
    return replace(system, network=_rounded[system.network])


def _quantised(network: SimulSTNetwork) -> SimulSTNetwork:
    for module in network.modules():
        if hasattr(module, "weight_g"):  # each pass makes its weight anew; one with gradients could not be copied
            module.weight = cast(Tensor, module.weight).detach().clone()
    plain = deepcopy(network)
    unpack(plain)
    keep_normed_weights(plain)
    for parent, name, layer in layers(plain, lambda one: can_be_windows(one) and one.in_channels > 1):
        setattr(parent, name, Windowed(layer))
    if can_pack():
        pack_convolutions(plain)  # which stay in fp32: the first, which hears the samples, and positions
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.ao.quantization is deprecated", DeprecationWarning)
        warnings.filterwarnings("ignore", "torch.quantize_per_tensor, torch.quantize_per_channel")
        from torch.ao import quantization

        settings = dict.fromkeys(PARTS, quantization.per_channel_dynamic_qconfig)
        rounded = quantization.quantize_dynamic(plain, settings, dtype=torch.qint8, inplace=True)
    return cast(SimulSTNetwork, rounded)
