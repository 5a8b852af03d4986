"""Large linear layers whose weights oneDNN has brought into the order in which a CPU reads them."""

import platform
from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import remove_weight_norm

from mgcm_fairseq.modules.simul_st import SimulSTNetwork

REWRITTEN = ("encoder.front_end", "encoder.layers", "decoder.layers")
"""What may be changed. Segmenter, CTC and the output, whose weights are read as such, stay as they are."""
LARGE = 2**18  # numbers in a weight; smaller ones gain nothing


class PackedLinear(nn.Linear):
    """A linear layer that has its weight twice, for passes in fp32 on a CPU without gradients in oneDNN's order, too.

    What it gives differs from the plain layer by rounding: sums are in another order.
    """

    _packed: Tensor | None = None

    @classmethod
    def of(cls, layer: nn.Linear) -> "PackedLinear":
        """With the parameters of another one."""
        made = cls.__new__(cls)
        made.__dict__ = layer.__dict__.copy()
        return made

    def plain(self) -> nn.Linear:
        """The layer that it was made of, with its parameters."""
        made = nn.Linear.__new__(nn.Linear)
        made.__dict__ = self.__getstate__()
        return made

    def forward(self, input: Tensor) -> Tensor:
        if torch.is_grad_enabled() or input.dtype != torch.float32 or self.weight.device.type != "cpu":
            return super().forward(input)
        if self._packed is None:
            self._packed = torch.ops.mkldnn._reorder_linear_weight(self.weight.detach(), None)
        return cast(Tensor, torch.ops.mkldnn._linear_pointwise(input, self._packed, self.bias, "none", [], ""))

    def _apply(self, *args: Any, **kwargs: Any) -> "PackedLinear":
        self._packed = None  # the weight moves, or changes its type
        return super()._apply(*args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_packed"}


def pack(network: SimulSTNetwork) -> None:
    """Replaces large linear layers, where torch can pack them, and keeps normed weights rather than make them anew.

    A front end that hears all at once stays as it is, since fairseq's attention reads weights past their layers.
    """
    large = [one for one in _layers(network, nn.Linear) if one[2].weight.numel() >= LARGE]
    if not network.encoder.front_end.block or not large or not can_pack():
        return
    for parent, name, layer in large:
        setattr(parent, name, PackedLinear.of(layer))
    for module in network.modules():
        if hasattr(module, "weight_g"):
            remove_weight_norm(module)


def unpack(network: SimulSTNetwork) -> None:
    """Brings back the layers that `pack` has replaced."""
    for parent, name, layer in list(_layers(network, PackedLinear)):
        setattr(parent, name, cast(PackedLinear, layer).plain())


def can_pack() -> bool:
    """Whether this torch has oneDNN, on a kind of CPU on which packing was tried."""
    return platform.machine() in ("x86_64", "AMD64") and torch.backends.mkldnn.is_available() \
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _layers(network: SimulSTNetwork, kind: type[nn.Linear]) -> Iterator[tuple[nn.Module, str, nn.Linear]]:
    for part in REWRITTEN:
        for parent in network.get_submodule(part).modules():
            for name, layer in parent.named_children():
                if type(layer) is kind:
                    yield parent, name, layer
