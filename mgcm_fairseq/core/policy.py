"""Read/write decisions as pure functions of what has been read and written."""


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
    (`mgcm_fairseq.core.segmentation.wait_mask`) as a decision.

    Args:
        units_written: w, target words begun, or pieces, before the piece.
        lag: k, in segments, from 1.
    """
    return lag + units_written
