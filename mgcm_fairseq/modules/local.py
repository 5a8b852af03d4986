"""Convolutions in front of the layers of the shared encoder, wider from layer to layer: local to global.

IMTL (arXiv 2311.03810). Departs from its code, in which the mask is the wrong way round, so that the convolution is 0
wherever there is something, and text has none. Here speech and text pass through it, and a layer norm in place of a
batch norm leaves a row independent of the others.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mgcm_fairseq.modules.cache import Cache

KEPT = ".local"
"""How the names end under which a cache keeps inputs of convolutions."""


def local_kernels(first: int, step: int, layers: int) -> list[int]:
    """The kernel of each layer: `first`, `step` more for each layer before it, and one more where that is even.

    5 and 3 give 5, 9, 11, 15, 17, 21.
    """
    return [(first + step * layer) | 1 for layer in range(layers)]


class LocalConvolution(nn.Module):
    """x + W2 relu(norm(depthwise(glu(W1 norm(x))))). B batch, T frame or token, D width."""

    def __init__(self, dim: int, kernel: int, causal: bool) -> None:
        """`kernel`: odd, frames or tokens. `causal`: none is seen that comes later; otherwise kernel // 2 of them."""
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.gated = nn.Linear(dim, 2 * dim)
        self.depthwise = nn.Conv1d(dim, dim, kernel, groups=dim)
        self.mixed_norm = nn.LayerNorm(dim)
        self.output = nn.Linear(dim, dim)
        self.before = kernel - 1 if causal else kernel // 2
        self.behind = kernel - 1 - self.before

    def forward(self, x_BTD: Tensor, valid_BT: Tensor, cache: Cache | None = None, name: str = "") -> Tensor:
        """(B, T, D); what is not valid is as though it were not there.

        With a cache, for a causal one alone, x follows what was there before under `name`.
        """
        inner_BTD = F.glu(self.gated(self.norm(x_BTD))).masked_fill(~valid_BT.unsqueeze(2), 0.0)
        inner_BDT = F.pad(inner_BTD.transpose(1, 2), (self.before, self.behind))
        if cache is not None:
            inner_BDT = self._behind_cached(inner_BDT, cache, name + KEPT)
        mixed_BTD = self.depthwise(inner_BDT).transpose(1, 2)
        return x_BTD + self.output(F.relu(self.mixed_norm(mixed_BTD)))

    def _behind_cached(self, inner_BDT: Tensor, cache: Cache, name: str) -> Tensor:
        """With the last inputs of before in place of the padding; ValueError where later ones are seen, too."""
        if self.behind:
            raise ValueError("local convolution: expected a causal one for speech that still comes, found one that "
                             f"sees {self.behind} later.")
        if name in cache:
            inner_BDT = torch.cat([cache[name], inner_BDT[:, :, self.before:]], 2)
        cache[name] = inner_BDT[:, :, inner_BDT.size(2) - self.before:].clone()
        return inner_BDT
