"""Where segments of speech end, as an agent decides it while it listens."""

from mgcm_fairseq.agents.base import SystemAgent, segment_ends
from mgcm_fairseq.data.audio import SAMPLE_RATE


class SegmentEnds:
    """Of one recording. A model that does not segment, or hears all at once under this policy, has none."""

    def __init__(self, agent: SystemAgent) -> None:
        self.agent = agent
        self._told = 0  # samples up to the latest end that was asked for

    def new(self) -> list[float]:
        """The ends since the last call, in seconds; where a talk is cut at its pauses, those of sentences too.

        To be called after every read: an agent forgets those of a sentence that is over with the next one.
        """
        states = self.agent.states
        start, of_sentences = (states.talk.start, states.talk.ends) if states.talk else (0, ())
        goes_on = segment_ends(states.sentence or states, start, self.agent.system)
        ends = sorted({end for end in (*states.segment_ends, *of_sentences, *goes_on) if end > self._told})
        self._told = max(ends, default=self._told)
        return [end / SAMPLE_RATE for end in ends]
