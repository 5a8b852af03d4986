"""How a worker's share of an update is cut into micro-batches: as few as the memory of its GPU allows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from omegaconf import DictConfig

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.recipes.cluster import PAPER_WORKERS

CHOICES = ("dataset.max_tokens", "dataset.batch_size", "optimization.update_freq")
"""Options that a cut sets; one on the command line leaves the others as in the YAML."""

LOSS_SCALE_WINDOW = 2**14  # fairseq's, over all batches of an update


@dataclass(frozen=True)
class Cut:
    """Micro-batches of one worker."""

    samples: int  # in each, at most, padding counted
    utterances: int
    update_freq: int

    @property
    def text(self) -> str:
        """As a plan names it."""
        return f"{self.samples / SAMPLE_RATE:.0f} s, {self.utterances} utterances"

    @property
    def size(self) -> dict[str, int]:
        """What a training's record keeps."""
        return {"samples": self.samples, "utterances": self.utterances}

    def overrides(self, cfg: DictConfig) -> list[str]:
        """KEY=VALUE that cut so, where `cfg` is the YAML's. Validation and the loss scale stay as in it."""
        scale_window = cfg.common.fp16_scale_window or LOSS_SCALE_WINDOW // PAPER_WORKERS
        return [f"dataset.max_tokens={self.samples}", f"dataset.batch_size={self.utterances}",
                f"optimization.update_freq=[{self.update_freq}]",
                f"dataset.max_tokens_valid={cfg.dataset.max_tokens_valid or cfg.dataset.max_tokens}",
                f"dataset.batch_size_valid={cfg.dataset.batch_size_valid or cfg.dataset.batch_size}",
                f"common.fp16_scale_window={scale_window}"]


def given_by_hand(overrides: Sequence[str]) -> bool:
    """Whether the command line cuts the update itself."""
    return any(one.lstrip("+").startswith(f"{key}=") for one in overrides for key in CHOICES)


def cut_of(cfg: DictConfig) -> Cut:
    """That of a configuration."""
    return Cut(cfg.dataset.max_tokens, cfg.dataset.batch_size, cfg.optimization.update_freq[0])


def cuts(cfg: DictConfig, longest: int) -> list[Cut]:
    """All that make the same update, fewest micro-batches first; `longest`: samples that an utterance may have."""
    whole = cut_of(cfg)
    samples, utterances = whole.samples * whole.update_freq, whole.utterances * whole.update_freq
    found, frequency = [Cut(samples, utterances, 1)], 2
    while samples // frequency >= longest and not samples % frequency and not utterances % frequency:
        found.append(Cut(samples // frequency, utterances // frequency, frequency))
        frequency *= 2
    return found


def recut(whole: Cut, size: dict[str, int]) -> Cut | None:
    """The cut of the same update into micro-batches of `size`; None where they do not make it."""
    frequency, rest = divmod(whole.samples * whole.update_freq, size["samples"])
    cut = Cut(size["samples"], size["utterances"], frequency)
    same = not rest and frequency * size["utterances"] == whole.utterances * whole.update_freq
    return cut if same else None


def fewest(choices: Sequence[Cut], memory: Callable[[Cut], float], room: float) -> Cut:
    """The first of `choices` whose memory is at most `room`; the last if none fits.

    Memory grows nearly in proportion to a batch: two are counted, the others judged by their line, and what is chosen
    is counted again.
    """
    largest = memory(choices[0])
    if largest <= room or len(choices) == 1:
        return choices[0]
    smallest = memory(choices[-1])
    slope = (largest - smallest) / (choices[0].samples - choices[-1].samples)
    for cut in choices[1:-1]:
        if smallest + slope * (cut.samples - choices[-1].samples) <= room and memory(cut) <= room:
            return cut
    return choices[-1]
