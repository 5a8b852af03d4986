"""What lies before the first utterance of a window: heard by the encoder, and then left out, row by row."""

import torch
from torch import Tensor

from mgcm_fairseq.core.conflict import Passing, Stream
from mgcm_fairseq.modules.segmenter import Segmenter
from mgcm_fairseq.modules.source import Source


def without_first(x_BT: Tensor, cut_B: Tensor) -> Tensor:
    """(B, T) or (B, T, D) whose row b begins with what was at cut_B[b]; behind its end the last value is repeated."""
    frames = x_BT.size(1)
    index_BT = (torch.arange(frames, device=x_BT.device) + cut_B.unsqueeze(1)).clamp(max=frames - 1)
    return torch.take_along_dim(x_BT, index_BT.view(index_BT.shape + (1,) * (x_BT.dim() - 2)), 1)


def stream_without(stream: Stream, cut_B: Tensor, passing: Passing) -> Stream:
    """The same of a stream."""
    [later] = passing.run(without_first, [(stream, cut_B)])
    return later


def source_without(source: Source, cut_B: Tensor, segmenter: Segmenter | None, passing: Passing) -> Source:
    """A source behind the layers, as decoder and losses are to see it: units are counted from the cut on."""
    units_BT, boundaries_BT = source.units, None
    if segmenter is not None and source.boundaries is not None:
        boundaries_BT = without_first(source.boundaries, cut_B)
        units_BT = segmenter.variant.frame_units(boundaries_BT)
    return source._replace(
        embedded=stream_without(source.embedded, cut_B, passing), lengths=source.lengths - cut_B, units=units_BT,
        boundaries=boundaries_BT,
        logits=None if source.logits is None else stream_without(source.logits, cut_B, passing),
        forced=None if source.forced is None else without_first(source.forced, cut_B),
        noise=None if source.noise is None else without_first(source.noise, cut_B),
        ends=None if source.ends is None else without_first(source.ends, cut_B))
