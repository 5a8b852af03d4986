"""How much of a talk a hypothesis may hold before the next one begins."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """Bounds of one sentence of a talk."""

    patience: int = 2  # segments, or steps, at which </s> is the best piece, before the sentence is over
    memory_ms: int = 40_000  # of encoder states that the decoder attends to
    pieces: int = 200
    pause_ms: int = 2_000  # of segments in which nothing is said, before the sentence is over
    words: int = 10  # that a policy which translates again keeps as a prefix
