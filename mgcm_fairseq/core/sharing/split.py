"""Hidden units of an FFN divided between all languages and each group of them.

An FFN is a sum over its H hidden units, W2 f(W1 x + b1) = sum_j w2_j f(w1_j x + b1_j). So units can be moved to a
second FFN that is added: the sum stays the same, whatever f is. The output's bias is not divided: it is added once.
P private units, D numbers of a vector, N vectors.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Units(NamedTuple):
    """Hidden units and their weights: W2 f(W1 x + b1)."""

    w1: Tensor  # (H, D)
    b1: Tensor  # (H,)
    w2: Tensor  # (D, H)

    def some(self, chosen: Sequence[int]) -> "Units":
        """Copies of the chosen ones, in this order."""
        index = torch.tensor(chosen, dtype=torch.long, device=self.w1.device)
        return Units(self.w1[index], self.b1[index], self.w2[:, index])

    def widened(self, wider: "Units") -> "Units":
        """These, and behind them the further ones of a wider FFN, which read as it does and add nothing yet."""
        more = slice(len(self.b1), None)
        return Units(torch.cat([self.w1, wider.w1[more]]), torch.cat([self.b1, wider.b1[more]]),
                     torch.cat([self.w2, torch.zeros_like(wider.w2[:, more])], 1))

    def outputs(self, x_ND: Tensor) -> Tensor:
        """(N, D), with the encoder's f, which is ReLU."""
        return F.relu(x_ND @ self.w1.T + self.b1) @ self.w2.T


def shared_and_private(whole: Units, private: Sequence[int]) -> tuple[Units, Units]:
    """The units that all languages keep, and those that each group gets a copy of."""
    own = set(private)
    return whole.some([unit for unit in range(len(whole.b1)) if unit not in own]), whole.some(private)


def as_published(whole: Units, private: int, portions: Sequence[float],
                 biases: Sequence[Tensor]) -> tuple[Units, list[Units]]:
    """GDPS's initialisation (arXiv 2603.25836, its code), by singular values of W2 W1, as though there were no f.

    All languages keep the largest singular values, as large a share of them as of the units, and each group gets a
    portion of the others; zeros fill up what is left of the units. It changes what the FFN computes: f stands between
    the factors, only one group's portion is ever added, and biases are those of units that have nothing to do with it.

    Args:
        whole: the FFN.
        private: P units of each group.
        portions: p_g of each group.
        biases: (P,) of each group, which its code leaves as random as a new layer's are.
    """
    kept = len(whole.b1) - private
    u_DR, s_R, vt_RD = torch.linalg.svd(whole.w2.double() @ whole.w1.double(), full_matrices=False)
    rank = min(kept, round(len(s_R) * kept / len(whole.b1)))

    def factors(of: slice, portion: float, bias: Tensor) -> Units:
        root_R = (portion * s_R[of]).sqrt()
        fill = len(bias) - len(root_R)
        w1_HD, w2_DH = F.pad(root_R[:, None] * vt_RD[of], (0, 0, 0, fill)), F.pad(u_DR[:, of] * root_R, (0, fill))
        return Units(w1_HD.to(whole.w1), bias.to(whole.b1), w2_DH.to(whole.w2))

    others = slice(rank, rank + private)
    return (factors(slice(rank), 1.0, whole.b1[:kept]),
            [factors(others, portion, bias) for portion, bias in zip(portions, biases, strict=True)])


def relative_change(whole: Units, shared: Units, private: Units, x_ND: Tensor) -> float:
    """By how much a group's output differs from that of the whole FFN, relative to it, over (N, D) vectors."""
    before_ND = whole.outputs(x_ND)
    return float((shared.outputs(x_ND) + private.outputs(x_ND) - before_ND).norm() / before_ND.norm())
