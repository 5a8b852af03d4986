"""When each part of the method sets in, and which parts are on in one pass through the network."""

from dataclasses import dataclass, replace

from mgcm_fairseq.core.segmentation import sampled_lag


@dataclass(frozen=True)
class Phase:
    """What a pass depends on besides weights and inputs: it is passed with every call.

    No module keeps it, but for the front end, which counts updates and passes for its LayerDrop.
    """

    update: int = 0  # of training, for the losses that set in later
    segmented: bool = False  # whether attention to speech is segmented, and causal over text
    noise: float = 0.0  # std on boundary logits, in training
    lag: int | None = None  # k of wait-k cross-attention; None for the whole source
    front_end_frozen: bool = False
    shrunk: bool = False  # whether speech has a state for each streak of what CTC hears, not for each frame

    def at_test(self, lag: int | None = None) -> "Phase":
        """The same without noise, and with this lag where attention is segmented."""
        return replace(self, noise=0.0, lag=lag if self.segmented else None)


OFFLINE = Phase()
"""Of a network that has no segmenter, or whose segmenter is not in use yet."""


@dataclass(frozen=True)
class Schedule:
    """Updates from which on each part of the method is on (DiSeg's code: 0, 4,000 and 10,000)."""

    front_end_from: int = 0  # before, it is frozen
    segment_from: int | None = None  # None for a network without a segmenter
    noise_from: int = 0
    noise: float = 0.0  # std
    multipath_from: int = 0
    lags: tuple[int, int] = (1, 1)  # lowest and highest
    seed: int = 0  # of the lags
    shrink_from: int | None = None  # None for a network that does not shrink speech

    def phase(self, update: int) -> Phase:
        """What is on in this update of training; its lag is the same on all workers."""
        segmented = self.segment_from is not None and update >= self.segment_from
        drawn = segmented and update >= self.multipath_from
        shrunk = self.shrink_from is not None and update >= self.shrink_from
        lag = sampled_lag(self.seed, update, *self.lags) if drawn else None
        return Phase(update, segmented, self.noise if update >= self.noise_from else 0.0, lag,
                     update < self.front_end_from, shrunk)


NOTHING_LATER = Schedule()
"""Of a network without a segmenter, all of which trains from the beginning."""
