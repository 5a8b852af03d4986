"""Where segments of speech end, as an agent decides it while it listens."""

from mgcm_fairseq.agents.base import SystemAgent, SystemStates
from mgcm_fairseq.agents.redecoding import RedecodingStates
from mgcm_fairseq.agents.wait_k import WaitKStates
from mgcm_fairseq.agents.wait_segment import WaitSegmentStates
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.modules.streaming import SpeechStream


class SegmentEnds:
    """Of one recording. A model that does not segment, or hears all at once under this policy, has none."""

    def __init__(self, agent: SystemAgent) -> None:
        self.agent = agent
        self._told = 0  # samples up to the latest end that was asked for

    def new(self) -> list[float]:
        """The ends since the last call, in seconds; where a talk is cut at its pauses, those of sentences too."""
        states, size = self.agent.states, self.agent.system.network.encoder.frame_samples
        of_sentences = states.talk.ends if states.talk else ()
        stream, start = _stream(states.sentence or states), states.talk.start if states.talk else 0
        of_segments = [start + frames * size for frames in stream.decided.ends] if stream else []
        ends = [end for end in (*of_sentences, *of_segments) if end > self._told]
        self._told = max(ends, default=self._told)
        return [end / SAMPLE_RATE for end in ends]


def _stream(states: SystemStates) -> SpeechStream | None:
    if isinstance(states, WaitSegmentStates):
        return states.stream
    known = states.prefixes if isinstance(states, WaitKStates | RedecodingStates) else None
    return None if known is None else known.stream
