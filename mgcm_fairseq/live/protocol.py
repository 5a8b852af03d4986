"""What a client may send, and how it is told that the server does not take it (docs/live.md has the table).

A client of simulstream's sends JSON objects and sound without numbers. One that says `protocol` numbers its sound: each
packet begins with a HEADER, so that it may lose its connection and go on in another one.
"""

import json
import struct
from dataclasses import dataclass, field
from typing import Any, NamedTuple

VERSION = 1
HEADER = struct.Struct("<II")
"""In front of the sound of a packet: the number of its first sample, and how many answers the client has."""

SAMPLE_BYTES = 2  # int16, little endian, mono
RATES = range(8_000, 192_001)  # Hz

UNSUPPORTED, INVALID, REFUSED, FAULT, BUSY = 1003, 1007, 1008, 1011, 1013  # as RFC 6455 and its registry have them
REPLACED, IDLE, TOO_LONG, LOST = 4000, 4001, 4002, 4004  # ours


class Refused(Exception):  # noqa: N818 - not always an error: a stream may be over
    """Ends a connection with a code and a reason, which say what was expected and what was found."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass
class Wishes:
    """What the messages of a client have asked for so far."""

    sample_rate: int = 16_000
    numbered: bool = False  # the client says `protocol`
    run: str = ""  # "" for the first
    stream: str = ""  # one that lost its connection, to go on with
    answers: int = 0  # of that, which the client has
    samples: int = 0  # of the whole stream, if it says so at its end
    languages: dict[str, str] = field(default_factory=dict)

    def take(self, message: dict[str, Any]) -> None:
        """Adds what a message says; keys that are not ours are the client's own business."""
        if "protocol" in message and message["protocol"] != VERSION:
            raise Refused(REFUSED, f"protocol: expected {VERSION}, found {_shown(message['protocol'])}")
        self.numbered = self.numbered or "protocol" in message
        self.sample_rate = _number(message, "sample_rate", RATES, self.sample_rate)
        self.answers = _number(message, "answers", range(2**32), self.answers)
        self.samples = _number(message, "samples", range(2**32), self.samples)
        self.run = _text(message, "run", self.run)
        self.stream = _text(message, "stream", self.stream)
        for name in ("source_lang", "target_lang"):
            if message.get(name) is not None:
                self.languages[name] = _text(message, name, "")


class Packet(NamedTuple):
    """Sound that a client has sent."""

    pcm: bytes
    first: int | None = None  # number of its first sample, where it has one
    answers: int = 0  # that the client has


def read_message(text: str) -> dict[str, Any]:
    """A JSON object; Refused for anything else."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(INVALID, f"text: expected a JSON object, found {_shown(text)}") from error
    if not isinstance(message, dict):
        raise Refused(INVALID, f"text: expected a JSON object, found {_shown(message)}")
    return message


def read_packet(message: bytes, numbered: bool) -> Packet:
    """Sound; Refused for half a sample, and for a packet that is too short for its numbers."""
    if len(message) % SAMPLE_BYTES:
        raise Refused(UNSUPPORTED, f"sound: expected whole samples of int16, found {len(message)} bytes")
    if not numbered:
        return Packet(message)
    if len(message) < HEADER.size:
        raise Refused(UNSUPPORTED, f"packet: expected {HEADER.size} bytes of numbers, found {len(message)} in all")
    first, answers = HEADER.unpack_from(message)
    return Packet(message[HEADER.size:], first, answers)


def _number(message: dict[str, Any], name: str, allowed: range, default: int) -> int:
    value = message.get(name, default)
    if type(value) is not int or value not in allowed:
        raise Refused(REFUSED, f"{name}: expected {allowed[0]} to {allowed[-1]}, found {_shown(value)}")
    return value


def _text(message: dict[str, Any], name: str, default: str) -> str:
    value = message.get(name, default)
    if not isinstance(value, str):
        raise Refused(REFUSED, f"{name}: expected text, found {_shown(value)}")
    return value


def _shown(value: object) -> str:
    """A value as a reason may show it, which has no room for a long one."""
    text = value if isinstance(value, str) else json.dumps(value)
    return repr(text if len(text) <= 40 else f"{text[:40]}...")
