"""Windows of a talk: consecutive utterances heard as one, with the pauses between them, drawn anew in each epoch.

A model that hears one sentence at a time does not learn where a sentence ends while speech goes on. Some windows begin
in mid-talk: what lies before their first utterance, the lead-in, is heard by the encoder, and the decoder does not see
it, as when an agent has begun a new sentence. Some hold an interlude, a longer while without speech.

Windows of 0 s hold one utterance each, with a part of the pauses around it: for a model of single sentences, which an
agent does not cut to the sample.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import numpy as np

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.plain_numbers import plain_number
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.columns import Columns
from mgcm_fairseq.data.interludes import LONGEST, SHARE, SHORTEST, interlude, with_interlude

LONGEST_PAUSE = 5 * SAMPLE_RATE  # samples; where more lies between two utterances, no window holds both
MARGIN = SAMPLE_RATE // 4  # samples of the pauses before and behind a window that it holds at most
LED_IN = 1 / 3  # of the windows that could be


@dataclass(frozen=True)
class Drawn:
    """The windows of an epoch; row i is the window that begins with utterance i, if one does."""

    epoch: int
    begins: np.ndarray  # (utterances,) bool
    behind: np.ndarray  # the first utterance that it does not hold
    start: np.ndarray  # its first sample in the wav
    lengths: np.ndarray  # samples, with the interlude
    lead_in: np.ndarray  # samples that the decoder does not see
    interlude: np.ndarray  # samples of the interlude, 0 for none
    interlude_at: np.ndarray  # samples of the window before it


@dataclass(frozen=True)
class Windows:
    """Lengths to draw from, in samples."""

    low: int
    high: int
    seed: int
    first_epoch: int  # before it an item is one utterance

    @classmethod
    def parse(cls, text: str, seed: int, first_epoch: int = 1) -> "Windows | None":
        """From the task's options; None where there are to be no windows. Raises InputError."""
        if first_epoch < 1:
            raise InputError("--windows-from", "an epoch from 1 on", str(first_epoch), "Correct the option.")
        if not text:
            if first_epoch > 1:
                raise InputError("--windows-from", "--windows too", "none", "Pass --windows, or leave it out.")
            return None
        numbers = [plain_number(part) for part in text.split(",")]
        if len(numbers) != 2 or not np.isfinite(numbers).all() or not 0 <= numbers[0] <= numbers[1]:
            raise InputError("--windows", "the shortest and the longest in seconds", repr(text), "Write e.g. 2,20.")
        low, high = (round(number * SAMPLE_RATE) for number in numbers)
        return cls(low, high, seed, first_epoch)

    def hold_several(self, epoch: int) -> bool:
        """Whether those of an epoch may hold more than one utterance."""
        return self.high > 0 and epoch >= self.first_epoch

    @staticmethod
    def check(utterances: Columns) -> None:
        """InputError for a corpus without talks. Clips of strangers may be neighbours by chance, but few of them."""
        count = len(utterances)
        alone = sum(behind - first == 1 for first, behind in talks(utterances))
        if count > 1 and 2 * alone > count:
            raise InputError("--windows", "a corpus of talks, whose utterances have the ids TALK_0, TALK_1, ... and "
                             "lie behind each other in a wav", f"{alone} of {count} utterances without neighbours",
                             "Leave it out, or prepare the talks rather than cut sentences.")

    def draw(self, utterances: Columns, epoch: int, longest: int) -> Drawn:
        """Cuts all talks into windows of a length between the bounds, and of no more than `longest` samples.

        An utterance that is longer makes a window of its own.
        """
        random, count, found = Random(f"{self.seed}/{epoch}/windows"), len(utterances), talks(utterances)
        made = Drawn(epoch, np.zeros(count, bool), *(np.zeros(count, np.int64) for _ in range(6)))
        for first, behind in found:
            index = first
            while index < behind:
                index = self._add(_Talk(utterances, first, behind), index, longest, random, made)
        return made

    def samples(self, drawn: Drawn, index: int, read: Callable[[int, int], np.ndarray]) -> np.ndarray:
        """What is heard in the window that begins with utterance `index`.

        `read`: takes the first sample and the number of samples, of its wav.
        """
        size = int(drawn.interlude[index])
        heard = read(int(drawn.start[index]), int(drawn.lengths[index]) - size)
        if not size:
            return heard
        sound = interlude(np.random.default_rng((self.seed, drawn.epoch, index)), size)
        return with_interlude(heard, int(drawn.interlude_at[index]), sound)

    def _add(self, talk: "_Talk", index: int, longest: int, random: Random, made: Drawn) -> int:
        """The window that begins with utterance `index`; returns the utterance behind it."""
        limit, last = min(longest, random.randint(self.low, self.high)), index
        while last + 1 < talk.behind and talk.end(last + 1) - talk.start(index) <= limit:
            last += 1
        spare = max(0, longest - (talk.end(last) - talk.start(index)))
        cut = talk.start(index) - random.randint(0, min(MARGIN, spare // 2, talk.pause_before(index)))
        end = talk.end(last) + random.randint(0, min(MARGIN, spare // 2, talk.pause_before(last + 1)))
        led_in = 0
        if index > talk.first and random.random() < LED_IN:
            led_in = random.randint(0, min(self.high, cut - talk.start(talk.first), max(0, longest - (end - cut))))
        made.begins[index], made.behind[index] = True, last + 1
        made.start[index], made.lengths[index], made.lead_in[index] = cut - led_in, end - cut + led_in, led_in
        room = min(LONGEST, self.high, longest - int(made.lengths[index]))
        if room >= SHORTEST and random.random() < SHARE:
            behind = random.randint(index, last + 1)  # the utterance that follows it
            at = min(end, talk.start(behind) if behind < talk.behind else end)
            made.interlude[index], made.interlude_at[index] = random.randint(SHORTEST, room), at - (cut - led_in)
            made.lengths[index] += made.interlude[index]
        return last + 1


@dataclass(frozen=True)
class _Talk:
    utterances: Columns
    first: int
    behind: int

    def start(self, index: int) -> int:
        return int(self.utterances.offsets[index])

    def end(self, index: int) -> int:
        return self.start(index) + int(self.utterances.audio_lengths[index])

    def pause_before(self, index: int) -> int:
        """Samples between an utterance and the one before; of what lies around the talk nothing is known to be there.
        """
        return self.start(index) - self.end(index - 1) if self.first < index < self.behind else 0


def talks(utterances: Columns) -> list[tuple[int, int]]:
    """(first utterance, the first behind it) of each stretch of a talk, in one language, without a long pause.

    Nor without an utterance that was left out, whose words nobody would know of. The ids say so: TALK_0, TALK_1, ...
    """
    offsets, ends = utterances.offsets, utterances.offsets + utterances.audio_lengths
    found, first = [], 0
    for index in range(1, len(utterances) + 1):
        if index < len(utterances) and utterances.wavs[index] == utterances.wavs[index - 1] \
                and utterances.src_langs[index] == utterances.src_langs[index - 1] \
                and _follows(utterances.ids[index], utterances.ids[index - 1]) \
                and 0 <= offsets[index] - ends[index - 1] <= LONGEST_PAUSE:
            continue
        found.append((first, index))
        first = index
    return found


def _follows(utterance_id: str, before: str) -> bool:
    (talk, _, rank), (talk_before, _, rank_before) = utterance_id.rpartition("_"), before.rpartition("_")
    return talk == talk_before and rank.isdecimal() and rank_before.isdecimal() and int(rank) == int(rank_before) + 1
