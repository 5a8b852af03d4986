"""Read/write decisions as pure functions of what has been read and written."""

from collections.abc import Sequence
from itertools import takewhile

from torch import Tensor


def wait_k_source(words_written: int, lag: int, step: int) -> int:
    """Samples that word number `words_written` (from 0) waits for, and sees, under wait-k.

    g(t) = k + t - 1 pre-decision steps for word t = 1, 2, ... (Ma et al. 2019, arXiv 1810.08398, section 3.1; fixed
    pre-decision: Ma et al. 2020, arXiv 2011.02048, section 3.2). The caller caps it at the length of the source.

    Args:
        words_written: words already written.
        lag: k, in pre-decision steps, from 1.
        step: samples in a pre-decision step.
    """
    return (lag + words_written) * step


def wait_segment_needed(units_written: int, lag: int) -> int:
    """Segments that the next piece waits for, and sees, under wait-segment (DiSeg, arXiv 2305.16093): k + w.

    Each must have closed, or the source ended. It is the wait-k of training
    (`mgcm_fairseq.core.segmentation.units_seen`) as a decision.

    Args:
        units_written: w, target words begun, or pieces, before the piece.
        lag: k, in segments, from 1.
    """
    return lag + units_written


def local_agreement(hypotheses: Sequence[Sequence[int]]) -> int:
    """Pieces from the first on in which the hypotheses of successive steps agree: their longest common prefix.

    Local agreement (Liu et al. 2020, arXiv 2005.11185, section 3.1: LA-2 compares the last two; LA-n, the last n,
    Polák et al. 2022, arXiv 2204.06028).
    """
    return sum(1 for _ in takewhile(lambda pieces: len(set(pieces)) == 1, zip(*hypotheses, strict=False)))


def alignatt(attention_UT: Tensor, frames: int) -> int:
    """Tokens from the first on that may be written under AlignAtt (Papi et al. 2023, arXiv 2305.11408, section 2.2).

    A token that attends most to one of the last `frames` frames may still change: it is not written, nor is what
    follows it.

    Args:
        attention_UT: (U, T) cross-attention of U new tokens to T frames, averaged over heads.
        frames: f, in encoder frames; 0 writes all, T or more nothing.
    """
    aligned_U = attention_UT.argmax(1)
    return _before_the_first(aligned_U >= attention_UT.size(1) - frames)


def edatt(attention_UT: Tensor, frames: int, threshold: float) -> int:
    """Tokens from the first on that may be written under EDAtt (Papi et al. 2023, arXiv 2212.07850, section 3).

    A token that spends `threshold` or more of its attention on the last `frames` frames may still change. The very last
    frame, on which attention gathers whatever the token is, is left out and the rest made to sum to 1 again.

    Args:
        attention_UT: (U, T) cross-attention of U new tokens to T frames, averaged over heads; rows sum to 1.
        frames: lambda, in encoder frames, from 1 on.
        threshold: alpha; 0 writes nothing, above 1 all.
    """
    kept_UT = attention_UT[:, :-1]
    late_U = kept_UT[:, -frames:].sum(1) / kept_UT.sum(1).clamp(min=1e-9)
    return _before_the_first(late_U >= threshold)


def whole_words(accepted: int, starts: Sequence[bool], ended: bool, closed: Sequence[bool] = ()) -> int:
    """How many of `accepted` pieces make up words that nothing can be added to.

    A word is whole when the piece after it, accepted or not, begins another, or the hypothesis ended with it, or any
    piece that could follow would begin another.

    Args:
        accepted: pieces that may be written, from the first on.
        starts: for each piece of the hypothesis whether it begins a word.
        ended: whether </s> follows the hypothesis.
        closed: for each piece whether a word ends with it whatever follows; none, if left out.
    """
    ends = [count for count in range(1, accepted + 1)
            if (starts[count] if count < len(starts) else ended) or (closed and closed[count - 1])]
    return max(ends, default=0)


def _before_the_first(stopping_U: Tensor) -> int:
    stops = stopping_U.nonzero()
    return int(stops[0]) if len(stops) else len(stopping_U)
