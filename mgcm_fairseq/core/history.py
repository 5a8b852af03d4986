"""What a hypothesis of speech without end may forget when a sentence is over or a bound is reached. U piece, T frame.

Speech is forgotten in whole segments, so `edges_T`, True at the last frame of a segment, says where that can be.
"""

from collections.abc import Sequence

from torch import Tensor


def edge_behind(edges_T: Tensor, frame: int) -> int:
    """Frames up to the end of the segment in which a frame lies; all T where that segment has no end yet."""
    ends = edges_T[frame:].nonzero()
    return frame + int(ends[0]) + 1 if len(ends) else len(edges_T)


def edge_before(edges_T: Tensor, frame: int) -> int:
    """Frames before the segment in which a frame lies."""
    ends = edges_T[:frame].nonzero()
    return int(ends[-1]) + 1 if len(ends) else 0


def silence_before(edges_T: Tensor, said_T: Tensor) -> int:
    """Frames of the segments at the beginning in which nothing is said, but for the last of these segments.

    That one may hold the beginning of a word, which CTC hears late.
    """
    said = said_T.nonzero()
    silent = edge_before(edges_T, int(said[0])) if len(said) else len(edges_T)
    return edge_before(edges_T, silent - 1) if silent else 0


def silence_behind(edges_T: Tensor, said_T: Tensor) -> int:
    """Frames behind the segment in which something is said for the last time; 0 where nothing is."""
    said = said_T.nonzero()
    return len(edges_T) - edge_behind(edges_T, int(said[-1])) if len(said) else 0


def last_words(starts: Sequence[bool], words: int) -> int:
    """How many pieces at the end make up the last `words` words; all where there are fewer.

    Args:
        starts: for each piece of the hypothesis whether it begins a word.
        words: how many, from 1 on.
    """
    begins = [index for index, start in enumerate(starts) if start]
    return len(starts) - (begins[-words] if len(begins) >= words else 0)
