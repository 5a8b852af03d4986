"""What a hypothesis of speech without end may forget when a sentence is over or a bound is reached. U piece, T frame.

Speech is forgotten in whole segments, so `edges_T`, True at the last frame of a segment, says where that can be.
"""

from collections.abc import Sequence

from torch import Tensor

PIECES_OF_A_WORD = 2  # on average, of a word that is spoken


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


def sentence_end(edges_T: Tensor, onsets_T: Tensor, ends_T: Tensor, looks: Sequence[int]) -> int:
    """Frames of the speech of a sentence that is over: up to the end of a segment, and of one at least.

    The latest look of its words is where it ends: not that of the last word, since a German verb may come from the
    middle of an English sentence. Where CTC hears the end of a sentence behind half of the looks, and no more than two
    words behind the latest of them, that is believed rather than the looks.

    Args:
        edges_T: (T,) bool, True at the last frame of a segment.
        onsets_T: (T,) bool, where CTC begins to hear a piece of a word.
        ends_T: (T,) bool, where CTC hears the end of a sentence.
        looks: for each piece of the sentence, the frame that it attends to most; one at least.

    Returns:
        More than T where the segment that ends the sentence has not closed.
    """
    middle, latest = sorted(looks)[len(looks) // 2], max(looks)
    ends = (ends_T[middle:].nonzero() + middle).flatten().tolist()
    if ends and onsets_T[latest:ends[0]].sum() <= 2 * PIECES_OF_A_WORD:
        behind = edge_behind(edges_T, ends[0])
        if onsets_T[ends[0]:behind].any():  # the segment is the next sentence's, too
            behind = edge_before(edges_T, ends[0])
        return max(behind, edge_behind(edges_T, 0))
    return len(edges_T) + 1 if latest >= len(edges_T) else edge_behind(edges_T, latest)


def last_words(starts: Sequence[bool], words: int) -> int:
    """How many pieces at the end make up the last `words` words; all where there are fewer.

    Args:
        starts: for each piece of the hypothesis whether it begins a word.
        words: how many, from 1 on.
    """
    begins = [index for index, start in enumerate(starts) if start]
    return len(starts) - (begins[-words] if len(begins) >= words else 0)
