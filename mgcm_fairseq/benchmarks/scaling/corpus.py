"""A corpus of lengths alone, like MuST-C's, and the batches that fairseq makes of it."""

from dataclasses import dataclass

import numpy as np
from fairseq.data.data_utils import batch_by_size

from mgcm_fairseq.benchmarks.conflict.workload import Shape
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import SAMPLE_RATE


@dataclass(frozen=True)
class Lengths:
    """Lengths of utterances; log-normal, without those that preparation leaves out."""

    utterances: int = 230_000  # MuST-C v1 en-de (arXiv and ACL: N19-1202): 234 k utterances of 408 h
    mean_s: float = 6.3  # of those that are kept
    spread: float = 0.75  # standard deviation of the logarithm: assumed
    longest_s: float = 30.0  # --max-source-samples
    source_per_s: float = 4.0  # pieces of the transcript
    target_per_s: float = 4.3  # pieces of the translation
    token_spread: float = 0.25  # standard deviation of the logarithm of an utterance's rates: assumed

    def draw(self, seed: int) -> np.ndarray:
        """(utterances, 3): samples, source and target tokens with </s>."""
        random = np.random.RandomState(seed)
        noise = random.randn(4 * self.utterances)  # more than are kept
        seconds = np.exp(self.spread * noise)
        scale = self._scale(seconds)
        seconds = seconds[seconds * scale <= self.longest_s][:self.utterances] * scale
        seconds = np.maximum(seconds, 0.1)
        tokens = [1 + np.ceil(seconds * rate * np.exp(self.token_spread * random.randn(len(seconds))
                                                      - self.token_spread**2 / 2))
                  for rate in (self.source_per_s, self.target_per_s)]
        return np.stack([np.round(seconds * SAMPLE_RATE), *tokens], axis=1).astype(np.int64)

    def _scale(self, seconds: np.ndarray) -> float:
        """What to multiply by so that those below the limit have the mean; by bisection."""
        low, high = 0.0, self.longest_s
        for _ in range(50):
            scale = (low + high) / 2
            kept = seconds[seconds * scale <= self.longest_s] * scale
            low, high = (scale, high) if kept.mean() < self.mean_s else (low, scale)
        return scale


@dataclass(frozen=True)
class SimulatedBatches:
    """An epoch's batches, shortest first; arrays with an entry for each."""

    utterances: np.ndarray
    samples: np.ndarray  # of the longest utterance
    source: np.ndarray  # tokens of the longest transcript
    target: np.ndarray  # tokens of the longest translation
    audio_s: np.ndarray  # of all utterances, without padding

    def __len__(self) -> int:
        return len(self.utterances)

    def largest(self) -> list[Shape]:
        """Those with most audio, the longest audio, and most tokens, padding counted: one of them needs most memory."""
        worst = {int(np.argmax(size)) for size in (self.utterances * self.samples, self.samples,
                                                   self.utterances * (self.source + self.target))}
        return [Shape(*(int(part[index]) for part in (self.utterances, self.samples, self.source, self.target)))
                for index in sorted(worst)]


class SyntheticCorpus:
    """Lengths, and the batches that were already asked for."""

    def __init__(self, lengths: np.ndarray) -> None:
        """`lengths`: (utterances, 3) as drawn."""
        self.lengths = lengths
        self._batches: dict[tuple[int, int], SimulatedBatches] = {}

    def batches(self, max_tokens: int, batch_size: int) -> SimulatedBatches:
        """With at most so many samples, padding counted, and utterances in a batch."""
        key = (max_tokens, batch_size)
        if key not in self._batches:
            self._batches[key] = batches(self.lengths, *key)
        return self._batches[key]


def batches(lengths: np.ndarray, max_tokens: int, batch_size: int) -> SimulatedBatches:
    """Utterances in the order of their length, in batches of at most so many padded samples and utterances."""
    longest_utterance = int(lengths[:, 0].max())
    if longest_utterance > max_tokens:
        raise InputError("--max-tokens", f"the {longest_utterance} samples of the longest utterance, or more",
                         str(max_tokens), "Pass a larger number.")
    order = np.argsort(lengths[:, 0], kind="stable")
    made = batch_by_size(order, None, lengths[order, 0], max_tokens, batch_size)
    samples, source, target = np.array([lengths[batch].max(0) for batch in made]).T
    return SimulatedBatches(np.array([len(batch) for batch in made]), samples, source, target,
                            np.array([lengths[batch, 0].sum() for batch in made]) / SAMPLE_RATE)


def steps(count: int, gpus: int, seed: int, epoch: int, grouped: bool) -> np.ndarray:
    """(steps, gpus) batches of an epoch as fairseq deals them; -1 for a worker that has none left.

    Args:
        count: batches, shortest first.
        gpus: workers.
        seed: fairseq's.
        epoch: from 1 on.
        grouped: fairseq's --grouped-shuffling: batches that are neighbours in length make a step. It drops what is left
            over.

    Raises InputError where there is no step.
    """
    if grouped and count < gpus:
        raise InputError("--utterances", f"a corpus of {gpus} batches, one for each GPU", f"{count} batches",
                         "Pass more utterances.")
    random = np.random.RandomState(seed + epoch)
    if grouped:
        whole = count // gpus
        return random.permutation(whole)[:, None] * gpus + np.arange(gpus)
    order = random.permutation(count)
    return np.append(order, np.full(-count % gpus, -1)).reshape(-1, gpus)
