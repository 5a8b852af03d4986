"""Gradients of the plain ST loss of a trained model, batch by batch, and what is kept of them in a file.

Capturing leaves weights, gradients, random numbers and the modes of modules as they were. L languages, K batches of
each, B = L K in all.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.core.conflict import Groups
from mgcm_fairseq.core.sharing.count_sketch import SIZE, count_sketch
from mgcm_fairseq.data.batch import Batch
from mgcm_fairseq.modules.layers import FeedForward

_AT_ONCE = 1 << 16  # elements of each batch that are held in float64


class StoredGradient(NamedTuple):
    """Where the gradient of one parameter lies in a batch's file."""

    name: str
    module: str  # the smallest unit that computes its own gradient
    shape: tuple[int, ...]
    start: int  # elements before it
    size: int  # elements, or `SIZE` of a sketch


class Capture:
    """Of one model by one criterion."""

    def __init__(self, model: Any, criterion: Any, sketched: bool = False) -> None:
        """InputError for a criterion without ST, and for a model whose layers are grouped already.

        Args:
            sketched: keep a CountSketch of each parameter larger than that; those of the encoder's FFNs stay exact.
        """
        if "st" not in criterion.tasks:
            raise InputError("--checkpoint", "a model that was trained on st", ",".join(criterion.tasks),
                             "Pass another checkpoint.")
        if model.private_parameters():
            raise InputError("--checkpoint", "a model all of whose layers the languages share",
                             "one with grouped layers", "Pass the checkpoint that its plan was made from.")
        self.model = model
        self.criterion = copy.copy(criterion).eval()  # without what training alone computes
        self.criterion.tasks = ("st",)
        self.network: nn.Module = model.network
        named = {name: one for name, one in self.network.named_parameters() if one.requires_grad}
        self._parameters = list(named.values())
        groups = Groups(self.network)
        self.places = {name: (place.layer, place.component)
                       for name, place in zip(groups.names, groups.places, strict=True)}
        self.layout = _layout(self.network, groups, named, sketched)

    def gradients(self, batch: Batch) -> list[Tensor]:
        """One for each parameter of the layout, 0 where ST does not reach it."""
        device = self._parameters[0].device
        with torch.random.fork_rng([device] if device.type == "cuda" else []), _evaluating(self.model):
            losses, _ = self.criterion.losses(self.model, batch)  # by task the segmenter's would be in it
            found = torch.autograd.grad(losses["st"], self._parameters, allow_unused=True)
        return [torch.zeros_like(one) if gradient is None else gradient
                for one, gradient in zip(self._parameters, found, strict=True)]

    def write(self, batch: Batch, path: Path) -> None:
        """Writes the batch's gradients as the layout says; InputError where one is not finite."""
        parts = []
        for kept, gradient in zip(self.layout, self.gradients(batch), strict=True):
            if not gradient.isfinite().all():
                raise InputError(kept.name, "finite gradients",
                                 f"NaN or infinity for utterances {batch['id'].tolist()}",
                                 "Take another --seed, or look for what is wrong with these utterances.")
            exact = kept.size == gradient.numel()
            part = gradient.reshape(-1) if exact else count_sketch(gradient, kept.name).to(gradient.dtype)
            parts.append(part.cpu())
        write_whole(path, torch.cat(parts).numpy().tobytes())

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the files' numbers."""
        return self._parameters[0].detach().new_zeros(0).cpu().numpy().dtype

    @property
    def bytes(self) -> int:
        """Of one file."""
        return (self.layout[-1].start + self.layout[-1].size) * self.dtype.itemsize


def ffns(network: nn.Module) -> list[str]:
    """The names of the encoder's FFNs, which can get private parts: encoder.layers.0.ffn ..."""
    return [name for name, module in network.named_modules()
            if isinstance(module, FeedForward) and name.startswith("encoder.layers.")]


def of_units(layout: Sequence[StoredGradient], ffn: str) -> tuple[StoredGradient, StoredGradient, StoredGradient]:
    """What belongs to the hidden units of an FFN: first matrix, its bias, second matrix. The output bias does not."""
    kept = {one.name: one for one in layout}
    return kept[f"{ffn}.fc1.weight"], kept[f"{ffn}.fc1.bias"], kept[f"{ffn}.fc2.weight"]


def gramian(files: Sequence[Path], dtype: np.dtype[Any], kept: StoredGradient) -> Tensor:
    """(B, B) inner products of all batches' gradients of one parameter, in float64."""
    total_BB = torch.zeros(len(files), len(files), dtype=torch.float64)
    for begin in range(kept.start, kept.start + kept.size, _AT_ONCE):
        size = min(_AT_ONCE, kept.start + kept.size - begin)
        x_BP = torch.from_numpy(np.stack([_read(path, dtype, begin, size) for path in files])).double()
        total_BB += x_BP @ x_BP.T
    return total_BB


def unit_sums(files: Sequence[Path], norms: Sequence[float], languages: int, dtype: np.dtype[Any],
              parts: Sequence[StoredGradient]) -> tuple[Tensor, Tensor]:
    """<v_a, v_b> (H, L, L) and the sum of squares (H, L) of each hidden unit, as `unit_similarities` takes them.

    Args:
        files: of batches, as many of each language, those of the first first.
        norms: of each batch's gradient of the FFN.
        parts: of `of_units`.
    """
    hidden, each = parts[0].shape[0], len(files) // languages
    sums_LHE = torch.zeros(languages, hidden, sum(part.size for part in parts) // hidden, dtype=torch.float64)
    squares_LH = torch.zeros(languages, hidden, dtype=torch.float64)
    for number, (path, norm) in enumerate(zip(files, norms, strict=True)):
        if norm > 0:
            unit_HE = _units(path, dtype, parts) / norm
            sums_LHE[number // each] += unit_HE
            squares_LH[number // each] += unit_HE.square().sum(1)
    sums_HLE = sums_LHE.transpose(0, 1)
    return sums_HLE @ sums_HLE.transpose(1, 2), squares_LH.T


def _units(path: Path, dtype: np.dtype[Any], parts: Sequence[StoredGradient]) -> Tensor:
    """(H, E) a row for each hidden unit."""
    first, bias, second = (torch.from_numpy(_read(path, dtype, part.start, part.size)).double().view(part.shape)
                           for part in parts)
    return torch.cat([first, bias[:, None], second.T], 1)


def _read(path: Path, dtype: np.dtype[Any], start: int, size: int) -> np.ndarray:
    return np.fromfile(path, dtype, size, offset=start * dtype.itemsize)


def _layout(network: nn.Module, groups: Groups, named: Mapping[str, Tensor], sketched: bool) -> list[StoredGradient]:
    ffn_names = tuple(f"{name}." for name in ffns(network))
    layout: list[StoredGradient] = []
    start = 0
    for name, parameter in named.items():
        group = groups.of(parameter)
        assert group is not None, "a scope of all parameters"
        exact = not sketched or parameter.numel() <= SIZE or name.startswith(ffn_names)
        size = parameter.numel() if exact else SIZE
        layout.append(StoredGradient(name, groups.names[group], tuple(parameter.shape), start, size))
        start += size
    return layout


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Without dropout meanwhile; each module's mode is then as it was."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
