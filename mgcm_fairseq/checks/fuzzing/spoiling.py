"""Spoils bytes and lines of text: a few small changes each time, most of them with the grammar of the file in mind."""

from collections.abc import Callable, Sequence
from random import Random

from mgcm_fairseq.checks.fuzzing.values import BYTES, NUMBERS, TEXTS, WHOLE

Spoil = Callable[[Random, bytes], bytes]


def few(random: Random, data: bytes, spoils: Sequence[Spoil], most: int = 3) -> bytes:
    """None to `most` changes: what is left as it was must be taken."""
    for _ in range(random.randint(0, most)):
        data = random.choice(spoils)(random, data)
    return data


def spoil_bytes(random: Random, data: bytes) -> bytes:
    """One change that knows no grammar."""
    start = random.randint(0, len(data))
    end = min(len(data), start + random.choice((1, 1, 2, 4, 8, 64)))
    kind = random.randrange(8)
    if kind == 0 and data:
        start = min(start, len(data) - 1)
        return data[:start] + bytes([data[start] ^ 1 << random.randrange(8)]) + data[start + 1:]
    if kind == 1:
        return data[:start]
    if kind == 2:
        return data[:start] + data[end:]
    if kind == 3:
        return data[:end] + data[start:end] + data[end:]
    if kind == 4:
        size = random.choice((1, 2, 4))
        return data[:start] + (random.choice(WHOLE) % 256**size).to_bytes(size, "little") + data[start + size:]
    if kind == 5:
        return data[:start] + random.choice(BYTES) + data[start:]
    if kind == 6:
        return data[:start] + random.randbytes(random.choice((1, 4, 32))) + data[end:]
    return data[:start] + text(random).encode() + data[start:]


def spoil_lines(random: Random, data: bytes) -> bytes:
    """One line lost, doubled, moved, joined to the next, or cut, or all of them with other ends."""
    lines = data.split(b"\n")
    at, kind = _lose_double_or_swap(random, lines)
    if kind == 3:
        lines.insert(at, random.choice((b"", b" ", b"\r", b"\t")))
    elif kind == 4:
        lines[at:at + 2] = [b"".join(lines[at:at + 2])]
    elif kind == 5:
        lines[at] = lines[at][:random.randint(0, len(lines[at]))]
    elif kind == 6:
        return random.choice((b"\r\n", b"\r", "\u2028".encode(), b"\n\n")).join(lines)
    elif kind == 7:
        return b"\xef\xbb\xbf" + data
    return b"\n".join(lines)


def spoil_cells(separator: bytes) -> Spoil:
    """One cell of one line replaced, lost, doubled or swapped with its neighbour."""
    def spoil(random: Random, data: bytes) -> bytes:
        lines = data.split(b"\n")
        number = random.randrange(len(lines))
        cells = lines[number].split(separator)
        at, kind = _lose_double_or_swap(random, cells)
        if kind == 3:
            cells[at] += text(random).encode()
        elif kind == 4:
            cells[at] = random.choice(BYTES) + cells[at]
        elif kind > 4:
            cells[at] = scalar(random).encode()
        lines[number] = separator.join(cells)
        return b"\n".join(lines)
    return spoil


def _lose_double_or_swap(random: Random, parts: list[bytes]) -> tuple[int, int]:
    """Does one of the three to a part, or none; which part was drawn, and of 8 kinds which: from 3 on none was done."""
    at, other = random.randrange(len(parts)), random.randrange(len(parts))
    kind = random.randrange(8)
    if kind == 0:
        del parts[at]
    elif kind == 1:
        parts.insert(other, parts[at])
    elif kind == 2:
        parts[at], parts[other] = parts[other], parts[at]
    return at, kind


def text(random: Random) -> str:
    """One that readers stumble over, a character of any kind, or two of them."""
    kind = random.randrange(8)
    if kind == 0:
        code = random.randrange(0x110000 - 0x800)
        return chr(code if code < 0xD800 else code + 0x800)
    return random.choice(TEXTS) if kind < 7 else random.choice(TEXTS) + random.choice(TEXTS)


def scalar(random: Random) -> str:
    """A number or a text."""
    return random.choice(NUMBERS) if random.randrange(2) else text(random)
