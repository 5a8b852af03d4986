"""Layers that have their weights twice, the second time as oneDNN reads them. B batch, C channel, T frame."""

from typing import Any, Self, TypeGuard, cast

import torch
from torch import Tensor, nn


class Packed(nn.Module):
    """A layer for passes in fp32 on a CPU without gradients; in others it is the plain one.

    What it gives differs from the plain layer by rounding: sums are in another order.
    """

    weight: Tensor
    _packed: Tensor | None = None

    @classmethod
    def of(cls, layer: nn.Module) -> Self:
        """With the parameters of another one."""
        made = cls.__new__(cls)
        made.__dict__ = layer.__dict__.copy()
        return made

    def plain(self) -> nn.Module:
        """The layer that it was made of, with its parameters."""
        kind = PLAIN_KINDS[type(self)]
        made = kind.__new__(kind)
        made.__dict__ = self.__getstate__()
        return made

    def _packs(self, x: Tensor) -> bool:
        return not torch.is_grad_enabled() and x.dtype == torch.float32 and self.weight.device.type == "cpu"

    def _matrix(self) -> Tensor:
        """(out, in): what rows are multiplied with."""
        raise NotImplementedError  # each kind of layer has its own

    def _product(self, rows: Tensor) -> Tensor:
        if self._packed is None:
            self._packed = torch.ops.mkldnn._reorder_linear_weight(self._matrix(), None)
        bias = cast("Tensor | None", self.bias)
        bias = None if bias is None else bias.to(rows.dtype)
        return cast(Tensor, torch.ops.mkldnn._linear_pointwise(rows, self._packed, bias, "none", [], ""))

    def _apply(self, *args: Any, **kwargs: Any) -> Self:
        self._packed = None  # the weight moves, or changes its type
        return super()._apply(*args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_packed"}


class PackedLinear(Packed, nn.Linear):
    """A linear layer."""

    def forward(self, input: Tensor) -> Tensor:
        return self._product(input) if self._packs(input) else super().forward(input)

    def _matrix(self) -> Tensor:
        return self.weight.detach()


class PackedConvolution(Packed, nn.Conv1d):
    """A convolution over time without groups, padding or dilation, as a linear layer that reads windows of frames."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, T) -> (B, C', T'), whose channels lie side by side in memory, as this reads them fastest."""
        if not self._packs(input):
            return super().forward(input)
        return self._product(windows_of(input, self.kernel_size[0], self.stride[0])).mT

    def _matrix(self) -> Tensor:
        return of_windows(self)


class HalvedConvolution(PackedConvolution):
    """One that rounds what it reads, its weight and what it gives to bfloat16. Sums are in fp32."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, T) -> (B, C', T'), as above."""
        if not self._packs(input):
            return super().forward(input)
        return self._product(windows_of(input.bfloat16(), self.kernel_size[0], self.stride[0])).float().mT

    def _matrix(self) -> Tensor:
        return of_windows(self).bfloat16()


class PackedPositions(Packed, nn.Conv1d):
    """A convolution of groups, whose weight is brought into the order that suits the first length that it reads.

    oneDNN brings it into another one for a length that needs that.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, T) -> (B, C', T')."""
        if not self._packs(input):
            return super().forward(input)
        sizes = [0, 0], [1, 1], [1, 1], self.groups  # padding, strides, dilation
        x_BC1T = input.unsqueeze(2)
        if self._packed is None:
            self._packed = torch.ops.mkldnn._reorder_convolution_weight(self.weight.detach().unsqueeze(2), *sizes,
                                                                        list(x_BC1T.shape))
        made = torch.ops.mkldnn._convolution_pointwise(x_BC1T, self._packed, self.bias, *sizes, "none", [], "")
        return cast(Tensor, made).squeeze(2)


PLAIN_KINDS: dict[type[Packed], type[nn.Module]] = {PackedLinear: nn.Linear, PackedConvolution: nn.Conv1d,
                                                   HalvedConvolution: nn.Conv1d, PackedPositions: nn.Conv1d}


def windows_of(x_BCT: Tensor, kernel: int, stride: int) -> Tensor:
    """(B, T', kernel * C): the frames that a convolution makes each of its own of, one behind the other."""
    batch, channels, frames = x_BCT.shape
    x_BTC = x_BCT.mT.contiguous()
    shape = batch, (frames - kernel) // stride + 1, kernel * channels
    return x_BTC.as_strided(shape, (frames * channels, stride * channels, 1), x_BTC.storage_offset()).contiguous()


def of_windows(convolution: nn.Conv1d) -> Tensor:
    """(C', kernel * C): a convolution's weight for the windows that it reads."""
    return convolution.weight.detach().mT.flatten(1)


def can_be_windows(layer: nn.Module) -> bool:
    """Whether a layer is a convolution without groups, and bare."""
    return _is_bare(layer) and layer.groups == 1


def can_be_positions(layer: nn.Module) -> bool:
    """Whether a layer is a convolution of groups, and bare, that skips no frame."""
    return _is_bare(layer) and layer.groups > 1 and layer.stride == (1,)


def _is_bare(layer: nn.Module) -> TypeGuard[nn.Conv1d]:
    return type(layer) is nn.Conv1d and layer.padding == (0,) and layer.dilation == (1,)
