"""A system whose linear layers have weights of 8 bits, for a CPU."""

import warnings
from copy import deepcopy
from dataclasses import replace
from typing import cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.decoding.packed import (
    REWRITTEN,
    can_pack,
    halve_convolutions,
    has_bf16,
    keep_normed_weights,
    pack_convolutions,
    unpack,
)
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.modules.simul_st import SimulSTNetwork

_rounded: WeakKeyDictionary[SimulSTNetwork, SimulSTNetwork] = WeakKeyDictionary()


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
    if can_pack():
        if has_bf16():
            halve_convolutions(plain)
        pack_convolutions(plain)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.ao.quantization is deprecated", DeprecationWarning)
        warnings.filterwarnings("ignore", "torch.quantize_per_tensor, torch.quantize_per_channel")
        from torch.ao import quantization

        settings = dict.fromkeys(REWRITTEN, quantization.per_channel_dynamic_qconfig)
        rounded = quantization.quantize_dynamic(plain, settings, dtype=torch.qint8, inplace=True)
    return cast(SimulSTNetwork, rounded)
