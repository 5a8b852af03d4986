"""TorchJD's weightings as rules at any granularity; needs the extra `torchjd`."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

NAMES = ("Mean", "UPGrad", "DualProj", "MGDA", "AlignedMTL", "IMTLG")
"""Weightings that read a Gramian alone, keep no state from one group to the next, draw no random numbers and whose
weights are shares of a mean."""

PROPORTIONAL = ("Mean", "UPGrad")
"""Those under which what a task adds is proportional to its gradient, whatever the others' lengths."""


class TorchJD:
    """Applies a TorchJD weighting, a function from one T x T Gramian to T weights, to every group.

    Tasks that did not reach a group (zero norm) are left out of its Gramian. Waits for the device: most weightings
    solve a quadratic programme on the CPU.
    """

    whole_gramian = True
    halves = False
    stateful = False

    def __init__(self, weighting: Callable[[Tensor], Tensor]) -> None:
        self.weighting = weighting

    @classmethod
    def named(cls, name: str) -> "TorchJD":
        """The weighting NAMEWeighting of torchjd.aggregation, with its defaults; ValueError if it is not in NAMES."""
        if name not in NAMES:
            raise ValueError(f"rule torchjd:{name}: expected one of {', '.join(NAMES)}: the others keep state or need "
                             f"more than a Gramian.")
        try:
            from torchjd import aggregation
        except ImportError as error:
            raise ValueError(f"rule torchjd:{name} needs TorchJD: in the clone, pip install -c constraints.txt "
                             f"-e '.[torchjd]'.") from error
        try:
            return cls(getattr(aggregation, f"{name}Weighting")())
        except ImportError as error:
            raise ValueError(f"rule torchjd:{name}: {error}") from error

    def __call__(self, gramian_NTT: Tensor, groups: Sequence[str], step: int) -> Tensor:
        """Weights times the number of tasks present, so that the mean's weighting gives the plain sum."""
        weights_NT = gramian_NTT.new_zeros(gramian_NTT.shape[:2])
        for weights_T, gramian_TT in zip(weights_NT, gramian_NTT, strict=True):
            present = gramian_TT.diagonal().ne(0).nonzero()[:, 0]
            if gramian_TT.isfinite().all() and len(present):
                weights_T[present] = len(present) * self.weighting(gramian_TT[present][:, present]).to(weights_T)
            else:
                weights_T[:] = 1
        return torch.diag_embed(weights_NT)

    def state_dict(self, tasks: Sequence[str]) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any], tasks: Sequence[str]) -> None:
        """Nothing to load."""
