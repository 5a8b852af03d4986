"""An agent at work on one stream of sound: packets of any size go in, and what a client is told comes out.

It knows nothing of connections, so a thread can run it.
"""

import time
from collections import deque
from typing import Any

from simuleval.data.segments import SpeechSegment

from mgcm_fairseq.agents.base import SystemAgent
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.live.clock import Clock
from mgcm_fairseq.live.protocol import SAMPLE_BYTES
from mgcm_fairseq.live.resampling import Resampler
from mgcm_fairseq.live.segment_ends import SegmentEnds

RECENT = 10.0  # seconds of sound that the real-time factor is taken over


class Interpreter:
    """Of one recording by one agent, from its first sample to its last."""

    def __init__(self, agent: SystemAgent, rate: int) -> None:
        agent.reset()
        self.agent = agent
        self.rate = rate
        self.samples = 0  # heard so far, at the rate of the client
        self.clock = Clock(rate)
        self._resampler = Resampler(rate)
        self._ends = SegmentEnds(agent)
        self._ready = 0.0
        self._begun = False
        self._recent: deque[tuple[float, float]] = deque()  # (seconds of sound, of computing) of the latest reads

    def hear(self, pcm: bytes, last: bool) -> dict[str, Any]:
        """What the agent writes once it has heard more sound.

        Returns:
            `new` and `deleted` text as simulstream has them; `words` with the seconds of sound that had been heard when
            they were written (`heard`) and the moment they were there (`ready`), for a client that speaks in real time;
            `segments` that ended, in seconds; `heard`, `computing` and `rtf` of the last seconds.
        """
        started = time.perf_counter()
        samples = self._resampler.take(pcm, last).tolist()
        output = self.agent.pushpop(SpeechSegment(content=samples, sample_rate=SAMPLE_RATE, finished=last))
        computing = time.perf_counter() - started
        self.samples += len(pcm) // SAMPLE_BYTES
        heard = self.clock.seconds(self.samples)
        self._ready = max(heard, self._ready) + computing
        words = [{"text": word, "heard": round(heard, 3), "ready": round(self._ready, 3)}
                 for word in self.agent.system.writing.split(output.content or "")]
        ends = [self.clock.seconds(round(end * self.rate)) for end in self._ends.new()]
        return {"new": self._shown(output.content or ""), "deleted": "", "heard": round(heard, 3), "words": words,
                "segments": [round(end, 3) for end in ends], "computing": round(computing, 4),
                "rtf": round(self._rtf(len(pcm) / SAMPLE_BYTES / self.rate, computing), 4)}

    def _shown(self, text: str) -> str:
        """The text with what stands between it and the text before."""
        if not text:
            return ""
        separator = self.agent.system.writing.separator if self._begun else ""
        self._begun = True
        return separator + text

    def _rtf(self, sound: float, computing: float) -> float:
        self._recent.append((sound, computing))
        while sum(one for one, _ in self._recent) - self._recent[0][0] >= RECENT:
            self._recent.popleft()
        total = sum(one for one, _ in self._recent)
        return sum(one for _, one in self._recent) / total if total else 0.0
