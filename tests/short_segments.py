"""Segments of 640 ms at most: how often a briefly trained model ends one depends on the processor."""

from mgcm_fairseq.decoding.system import System

LONGEST_MS = 640


def in_short_segments(system: System) -> System:
    """The system, which ends each segment after 640 ms at the latest from now on."""
    system.network.encoder.segmenter.longest = int(LONGEST_MS / system.frame_ms)  # type: ignore[union-attr] - it has one
    return system
