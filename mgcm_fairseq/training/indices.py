"""Lists of indices as tensors, sent to the device once."""

from collections.abc import Sequence

import torch
from torch import Tensor

_KNOWN = 64  # lists that stay on the device: LayerDrop makes many


class Indices:
    """Remembers what it sent: a copy in every step would have the host wait."""

    def __init__(self) -> None:
        self._sent: dict[tuple[int, ...], Tensor] = {}

    def of(self, indices: Sequence[int], device: torch.device) -> Tensor:
        """The indices on the device, always the same for a training."""
        key = tuple(indices)
        if key not in self._sent:
            if len(self._sent) >= _KNOWN:
                self._sent.clear()
            self._sent[key] = torch.tensor(key, device=device)
        return self._sent[key]
