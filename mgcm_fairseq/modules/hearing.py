"""What the network, streaming and the agents need of a front end; modules.front_ends lists those that there are."""

from collections.abc import Sequence
from typing import Protocol, Self

from torch import Tensor

from mgcm_fairseq.core.conflict import Passing, Stream


class FrontEnd(Protocol):
    """A torch.nn.Module that turns samples at 16 kHz into frames of features, exact under padding."""

    block: int  # samples in a block, where it hears in blocks (HearsInBlocks); 0 where it hears the whole utterance

    @property
    def layer_drop(self) -> float:
        """Probability that a layer is left out in training (DropsLayers); 0 where none is."""

    @property
    def dim(self) -> int:
        """Numbers in a frame, C."""

    @property
    def frame_samples(self) -> int:
        """Samples between two frames."""

    @property
    def receptive_field(self) -> int:
        """Samples that the first frame needs; no shorter input has a frame."""

    def frames(self, lengths: Tensor) -> Tensor:
        """(B,) samples -> (B,) frames, 0 for what is shorter than the receptive field."""

    def __call__(self, waveform_BN: Tensor, lengths: Tensor, passing: Passing, tasks: Sequence[str]) -> Stream:
        """(B, N) samples, right-padded, and (B,) lengths -> a stream of features (B, T, C) for the tasks.

        N is at least the receptive field. A row may be shorter, and then has no frame.
        """


class HearsInBlocks(FrontEnd, Protocol):
    """A front end whose features are final at the end of each block, so that it need not hear anything twice."""

    def stream(self, one_shape: bool) -> "FeatureStream":
        """A new utterance; with `one_shape` each convolution sees one shape, which a GPU plans for once."""


class DropsLayers(FrontEnd, Protocol):
    """A front end with LayerDrop."""

    def keep_all_layers(self) -> None:
        """Switches it off, for a count of the most that a step takes."""


class FeatureStream(Protocol):
    """The features of an utterance that is still being spoken."""

    def extend(self, samples_1N: Tensor) -> Tensor:
        """(1, N) samples of the next block, or of what is left at the end -> (1, T, C), which may be none."""

    def fork(self) -> Self:
        """A stream that has heard the same, and goes on by itself."""
