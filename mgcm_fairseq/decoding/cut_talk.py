"""A talk that still goes on, cut into sentences at its pauses."""

from collections.abc import Iterator, Sequence

from mgcm_fairseq.core.pauses import Pauses
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.decoding.heard import Heard
from mgcm_fairseq.decoding.steady_sound import SteadySound
from mgcm_fairseq.decoding.voice_activity import CHUNK, VoiceActivity


class CutTalk:
    """Of one talk. Where they are cut depends on the samples, not on how these arrive."""

    def __init__(self, pause_ms: int, longest: int) -> None:
        """`pause_ms`: silence that ends a sentence; `longest`: samples after which any silence does."""
        self._voice = VoiceActivity()
        self._sound = SteadySound()
        self._pauses = Pauses(max(1, round(pause_ms * SAMPLE_RATE / 1000 / CHUNK)), longest // CHUNK)
        self._source = Heard()
        self._next: list[float] = []  # of the sentence; the last sample waits, since a sentence must end with one
        self.ends: tuple[int, ...] = ()  # samples of the talk up to the end of each sentence that the last call ended

    @property
    def start(self) -> int:
        """Samples of the talk before the sentence that goes on, or was the last."""
        return self._pauses.start * CHUNK

    def cut(self, samples: Sequence[float], ended: bool) -> Iterator[tuple[list[float], bool]]:
        """What to hear of the talk next: samples of a sentence, and whether it ends with them.

        Args:
            samples: of the talk, behind those of the last call.
            ended: whether no more follow.
        """
        self._source += samples
        self.ends = ()
        for over, part in self._parts(ended):
            self._next += part
            if over:
                yield self._next, True
                self._next = []
        if len(self._next) > 1:
            heard, self._next = self._next[:-1], self._next[-1:]
            yield heard, False

    def _parts(self, ended: bool) -> Iterator[tuple[bool, list[float]]]:
        count, pauses = len(self._source), self._pauses
        while (start := pauses.chunks * CHUNK) + (0 if ended else CHUNK - 1) < count:
            chunk = self._source.between(start, min(start + CHUNK, count))
            part = pauses.hear(self._voice.probability(chunk), self._sound.is_steady(chunk))
            yield part.over, self._taken(part.first, part.behind, part.over)
        if ended:
            part = pauses.end()
            yield part.over, self._taken(part.first, part.behind, part.over)

    def _taken(self, first: int, behind: int, over: bool) -> list[float]:
        start, end = first * CHUNK, min(behind * CHUNK, len(self._source))
        taken = self._source.between(start, end) if start < end else []
        if over:
            self.ends = (*self.ends, end)
        self._source.drop(min(self._pauses.needed * CHUNK, len(self._source)))
        return taken
