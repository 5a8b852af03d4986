"""When segmentation sets in: what a training update does, by its number."""

from dataclasses import dataclass

from mgcm_fairseq.core.segmentation import sampled_lag


@dataclass(frozen=True)
class Schedule:
    """Updates after which each part of the method is on (DiSeg's code: 0, 4,000 and 10,000)."""

    segment_from: int
    noise_from: int
    noise: float  # std
    multipath_from: int
    lags: tuple[int, int]  # lowest and highest
    seed: int

    def segmented(self, update: int) -> bool:
        """Whether attention is segmented."""
        return update >= self.segment_from

    def noise_at(self, update: int) -> float:
        """Std of the noise on boundary logits."""
        return self.noise if update >= self.noise_from else 0.0

    def lag_at(self, update: int) -> int | None:
        """k of this update, the same on all workers; None for the whole source."""
        if update < self.multipath_from or not self.segmented(update):
            return None
        return sampled_lag(self.seed, update, *self.lags)
