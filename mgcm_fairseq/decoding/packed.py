"""A network whose large layers have weights that oneDNN has brought into the order in which a CPU reads them."""

import platform
from collections.abc import Callable, Iterator
from typing import cast

import torch
from torch import nn
from torch.nn.utils import remove_weight_norm

from mgcm_fairseq.decoding.packed_layers import (
    HalvedConvolution,
    Packed,
    PackedConvolution,
    PackedLinear,
    PackedPositions,
    can_be_positions,
    can_be_windows,
)
from mgcm_fairseq.modules.simul_st import SimulSTNetwork

FRONT_END = "encoder.front_end"
REWRITTEN = (FRONT_END, "encoder.layers", "decoder.layers", "decoder.output")
"""What may be changed. Segmenter and CTC, which decide by small differences, stay as they are."""
LARGE = 2**18  # numbers in a weight; smaller ones gain nothing


def pack(network: SimulSTNetwork) -> None:
    """Replaces large layers, where torch can pack them, and keeps normed weights rather than make them anew.

    A front end that hears all at once stays as it is, since fairseq's attention reads weights past their layers.
    """
    large = layers(network, lambda layer: type(layer) is nn.Linear and layer.weight.numel() >= LARGE)
    if not network.encoder.front_end.block or not large or not can_pack():
        return
    for parent, name, layer in large:
        setattr(parent, name, PackedLinear.of(layer))
    keep_normed_weights(network)
    pack_convolutions(network)


def pack_convolutions(network: SimulSTNetwork) -> None:
    """Replaces the front end's convolutions, small ones too, so that none has to turn round what another gives.

    Convolutional positions then add no zeros, see `zeros_added`.
    """
    for parent, name, layer in layers(network, can_be_windows):
        setattr(parent, name, PackedConvolution.of(layer))
    for parent, name, layer in _below(network, FRONT_END):
        if type(layer) is nn.Conv1d and layer.groups > 1:
            layer.padding = (0,)
            if can_be_positions(layer):
                setattr(parent, name, PackedPositions.of(layer))


def halve_convolutions(network: SimulSTNetwork) -> None:
    """Replaces the front end's convolutions, but for the first, which hears the samples, by those of 16 bits."""
    for parent, name, layer in layers(network, can_be_windows):
        if cast(nn.Conv1d, layer).in_channels > 1:
            setattr(parent, name, HalvedConvolution.of(layer))


def has_bf16() -> bool:
    """Whether this CPU multiplies bfloat16. Another would do so in fp32, and slower."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def keep_normed_weights(network: SimulSTNetwork) -> None:
    """Weights that every pass would make anew of their direction and norm."""
    for module in network.modules():
        if hasattr(module, "weight_g"):
            remove_weight_norm(module)


def unpack(network: SimulSTNetwork) -> None:
    """Brings back the layers that `pack` has replaced."""
    for parent, name, layer in layers(network, lambda layer: isinstance(layer, Packed)):
        setattr(parent, name, cast(Packed, layer).plain())


def can_pack() -> bool:
    """Whether this torch has oneDNN, on a kind of CPU on which packing was tried."""
    return platform.machine() in ("x86_64", "AMD64") and torch.backends.mkldnn.is_available() \
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def layers(network: SimulSTNetwork, wanted: Callable[[nn.Module], bool]) -> list[tuple[nn.Module, str, nn.Module]]:
    """Of the layers of REWRITTEN those that are wanted: (parent, name in it, layer)."""
    return [found for part in REWRITTEN for found in _below(network, part) if wanted(found[2])]


def _below(network: SimulSTNetwork, part: str) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    for name, layer in network.get_submodule(part).named_modules(prefix=part):
        parent, _, last = name.rpartition(".")
        yield network.get_submodule(parent), last, layer
