"""Where the sentences of a talk begin and end, by its pauses: by what each chunk of audio sounds like."""

from collections import deque
from typing import NamedTuple

BEGINS, STOPS = 0.5, 0.35  # probability from which on silence is over, and below which speech is (silero-vad's)
SHORTEST = 8  # chunks of speech behind a pause: less is a noise (silero-vad's)
SURE = 0.9  # mean of so many chunks in a row, on which a sentence begins: synthetic voices have 0.94 or more
STEADY = 4  # of so many chunks in a row, that sound as the one before: they are notes, however sure
BEFORE, BEHIND = 2, 3  # chunks of the silence before and behind a sentence that are heard with it


class SentencePart(NamedTuple):
    """Chunks of a talk to hear next; none where `first` is `behind`."""

    first: int
    behind: int
    over: bool  # whether the sentence ends with them


class Pauses:
    """Cuts one talk into sentences, chunk by chunk.

    A pause within a sentence is heard once it has turned out to be none that ends it. No chunk is in two sentences, and
    one of speech is in none only where it belongs to fewer than SHORTEST between two pauses, or to more that are
    nowhere SURE without being STEADY. Once they are, the sentence begins where they do, but at most `longest` chunks
    ago, and at most SHORTEST before steady ones end. Where a sentence that was somewhere SURE is cut for its length,
    the next one begins at once, sure or not.
    """

    def __init__(self, pause: int, longest: int) -> None:
        """`pause`: chunks of silence that end a sentence; `longest`: chunks after which one of silence does.

        `longest` counts as SHORTEST or more. A sentence of twice as many ends wherever it is.
        """
        self.pause = pause
        self.longest = max(SHORTEST, longest)
        self.chunks = 0  # heard so far
        self.start = 0  # the first chunk of the sentence that goes on, or was the last
        self._began: int | None = None  # the first chunk of speech, if it speaks since
        self._goes_on = False  # a sentence
        self._sure = False  # somewhere in this sentence
        self._cut = False  # the last sentence was, somewhere SURE, and no pause has followed yet
        self._latest: deque[float] = deque(maxlen=SHORTEST)  # probabilities on which this sentence may be sure
        self._steady: deque[bool] = deque(maxlen=SHORTEST)  # of the chunks heard
        self._behind = 0  # what was heard in a part
        self._quiet: int  # chunks since the last one of speech, once a sentence has begun

    @property
    def needed(self) -> int:
        """The first chunk that a part may still have."""
        if self._goes_on:
            return self._behind
        return max(self._behind, (self.chunks if self._began is None else self._began) - BEFORE)

    def hear(self, probability: float, steady: bool) -> SentencePart:
        """The next chunk, by the probability that somebody speaks in it, and whether it sounds as the one before."""
        self.chunks += 1
        self._steady.append(steady)
        if self._goes_on:
            self._sure = self._hears_sure(probability) or self._sure
        elif not self._begins(probability):
            return SentencePart(self._behind, self._behind, False)
        self._quiet = self._quiet + 1 if probability < STOPS else 0
        return self._part(self._ends())

    def end(self) -> SentencePart:
        """Nothing follows."""
        return self._part(True) if self._goes_on else SentencePart(self._behind, self._behind, False)

    def _begins(self, probability: float) -> bool:
        begins = self._resumes(probability) if self._cut else self._becomes_sure(probability)
        if not begins or self._began is None:
            return False
        self._sure = not self._cut
        self.start = self._behind = max(self._behind, self._began - BEFORE)
        self._goes_on, self._quiet = True, 0
        return True

    def _resumes(self, probability: float) -> bool:
        speaks = probability >= (BEGINS if self._quiet else STOPS)
        self._quiet = 0 if speaks else self._quiet + 1
        self._began = self.chunks - 1 if speaks else None
        self._latest.clear()
        self._latest.append(probability)
        self._cut = self._quiet < self.pause
        return speaks

    def _becomes_sure(self, probability: float) -> bool:
        if probability < (BEGINS if self._began is None else STOPS):
            self._began = None
            return False
        if self._began is None:
            self._began = self.chunks - 1
            self._latest.clear()
        self._began = max(self._began, self.chunks - (SHORTEST if self._is_steady() else self.longest))
        return self._hears_sure(probability)

    def _hears_sure(self, probability: float) -> bool:
        self._latest.append(probability)
        return len(self._latest) == SHORTEST and sum(self._latest) >= SURE * SHORTEST and not self._is_steady()

    def _is_steady(self) -> bool:
        return sum(self._steady) >= STEADY

    def _ends(self) -> bool:
        length = self.chunks - self.start
        return self._quiet >= (self.pause if length < self.longest else 1) or length >= 2 * self.longest

    def _part(self, over: bool) -> SentencePart:
        part = SentencePart(self._behind, self.chunks - max(0, self._quiet - BEHIND), over)
        self._behind = part.behind
        if over:
            self._goes_on, self._began = False, None if self._quiet else self.chunks
            self._cut = self._sure and self._quiet < self.pause
        return part
