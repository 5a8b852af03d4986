"""How much of everything a server gives to its clients."""

from dataclasses import dataclass

MESSAGE = 65_536
"""Bytes of the longest message that a client may send: 2 s of sound at 16 kHz."""


@dataclass(frozen=True)
class StreamLimits:
    """For each stream, in seconds, and how many streams there may be."""

    streams: int = 2
    talk: float = 4 * 3600.0  # of sound
    idle: float = 60.0  # without a message from a client that may send more
    kept: float = 30.0  # a stream whose connection was lost; the page keeps as much sound that has not come
    beat: float = 2.5  # after which the server says again that it is there, while an agent is at work
    queue: float = 10.0  # of sound that waits for the agent; more of it is not read from the connection
