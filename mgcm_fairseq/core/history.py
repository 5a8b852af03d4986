"""What a hypothesis of speech without end keeps when the next sentence begins: pure functions. U piece, T frame."""

from collections.abc import Sequence

from torch import Tensor


def frames_used(attention_T: Tensor, edges_T: Tensor) -> int:
    """Frames up to the end of the segment that a piece attends to most; all where that segment has no end yet.

    Args:
        attention_T: cross-attention of the last piece of a sentence to T frames.
        edges_T: bool, True at the last frame of a segment.
    """
    most = int(attention_T.argmax())
    ends = edges_T[most:].nonzero()
    return most + int(ends[0]) + 1 if len(ends) else len(attention_T)


def frames_before(attention_UT: Tensor, edges_T: Tensor, margin: int) -> int:
    """Frames that none of the pieces kept looks back to: those of whole segments before the earliest frame that is
    attended to most by one of them, less a margin (StreamAtt, Papi et al. 2024, arXiv 2406.03049, section 3).

    Args:
        attention_UT: cross-attention of the U pieces that are kept to T frames.
        edges_T: bool, True at the last frame of a segment.
        margin: frames that stay before that frame.
    """
    earliest = int(attention_UT.argmax(1).min()) - margin
    ends = edges_T[:max(0, earliest)].nonzero()
    return int(ends[-1]) + 1 if len(ends) else 0


def last_words(starts: Sequence[bool], words: int) -> int:
    """How many pieces at the end make up the last `words` words.

    Args:
        starts: for each piece of the hypothesis whether it begins a word.
        words: how many, from 0 on.
    """
    begins = [index for index, start in enumerate(starts) if start]
    if words == 0:
        return 0
    return len(starts) - (begins[-words] if len(begins) >= words else 0)
