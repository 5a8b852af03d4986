"""What a weighting is that follows the losses, and what it is told of an update. T tasks."""

from typing import Any, NamedTuple, Protocol

from torch import Tensor


class Settled(NamedTuple):
    """What an update was, once it is done; the same on every worker."""

    losses: Tensor  # (T,) float64, of each task for each of its own target tokens, of all micro-batches and workers
    number: int  # of updates that are done
    rate: float  # the network's learning rate


class LossWeighting(Protocol):
    """Follows the losses on their device, and reads no value back."""

    @property
    def weights(self) -> Tensor:
        """(T,) float64, for the next update."""

    def settle(self, update: Settled, /) -> None:
        """To be called once an update. Losses that are not finite change nothing."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training needs; tensors are on the CPU."""

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Takes up what `state_dict` returned."""
