"""How many segments a model makes of speech while it streams, against the words spoken, in short and long utterances.
"""

from collections.abc import Iterable, Iterator, Sequence
from statistics import median_low
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.units import unit_starts
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.languages import language
from mgcm_fairseq.data.manifest import Utterance
from mgcm_fairseq.data.piece_kinds import unspaced_kind
from mgcm_fairseq.modules.encoder import SharedEncoder
from mgcm_fairseq.modules.streaming import speech_stream


class SegmentCount(NamedTuple):
    """One utterance."""

    segments: int
    words: int  # of the transcript; characters where its language has no spaces
    ms: float  # of audio


def count_segments(encoder: SharedEncoder, utterances: Iterable[Utterance], read_ms: int,
                   languages: Sequence[str] = ()) -> Iterator[SegmentCount]:
    """Streams each utterance in reads of so many ms; `languages`: in the order of their ranks, for grouped layers.

    Raises InputError for reads of no length, and for an utterance in another language.
    """
    if read_ms < 1:
        raise InputError("--source-segment-size", "reads of 1 ms or more", f"{read_ms} ms", "Correct the option.")
    for utterance in utterances:
        if languages and utterance.src_lang not in languages:
            raise InputError(utterance.id, f"speech in {' or '.join(languages)}, as the checkpoint knows",
                             repr(utterance.src_lang), "Pass the corpus that it was trained on.")
        samples_N = torch.from_numpy(utterance.audio.read())
        rank = torch.tensor([languages.index(utterance.src_lang)]) if languages else None
        segments = streamed_segments(encoder, samples_N, read_ms * SAMPLE_RATE // 1000, rank)
        yield SegmentCount(segments, words(utterance), 1000 * len(samples_N) / SAMPLE_RATE)


def words(utterance: Utterance) -> int:
    """Words of its transcript. Of a language without spaces: characters, of which a word or number in letters and
    digits counts as one, and marks as none, as in the loss."""
    if language(utterance.src_lang).spaced:
        return len(utterance.src_text.split())
    kinds = [unspaced_kind("▁" if char.isspace() else char) for char in utterance.src_text]
    return int(unit_starts(torch.tensor([kinds], dtype=torch.long)).sum()) if kinds else 0


@torch.inference_mode()
def streamed_segments(encoder: SharedEncoder, samples_N: Tensor, read: int, language: Tensor | None = None) -> int:
    """Segments that streaming inference closes in (N,) samples at 16 kHz, heard in reads of `read` samples.

    `language`: (1,) the rank of the spoken one, for grouped layers.
    """
    stream = speech_stream(encoder, None, language)
    reads = samples_N.split(read)
    for number, heard_N in enumerate(reads, start=1):
        stream.extend(heard_N, number == len(reads))
    return stream.segments


def split_at(utterances: Sequence[Utterance]) -> int:
    """The most words of a short utterance: the median, its lower half where two are in the middle; the rest is long."""
    counts = [words(utterance) for utterance in utterances]
    median = median_low(counts) if counts else 0
    if median == max(counts, default=0):
        raise InputError("--split", "utterances with more words than the median, to tell short from long",
                         f"a median of {median} words, and no more in any of {len(counts)}", "Take a larger split.")
    return median


def short_and_long(counts: Sequence[SegmentCount], median: int) -> dict[str, dict[str, Any]]:
    """{"short", "long"}: what `summary` says of utterances of up to `median` words, and of more."""
    return {"short": summary([one for one in counts if one.words <= median]),
            "long": summary([one for one in counts if one.words > median])}


def summary(counts: Sequence[SegmentCount]) -> dict[str, Any]:
    """{"utterances", "segments", "words", "ratio", "mean_absolute_difference", "mean_segment_ms"} of a group.

    ratio: all segments for each word, null without words; mean_absolute_difference: segments that an utterance has too
    many or too few, on average, null without utterances; mean_segment_ms: ms of audio, silence included, for each
    segment, null without any.
    """
    segments, spoken = sum(one.segments for one in counts), sum(one.words for one in counts)
    apart = sum(abs(one.segments - one.words) for one in counts)
    return {"utterances": len(counts), "segments": segments, "words": spoken,
            "ratio": round(segments / spoken, 4) if spoken else None,
            "mean_absolute_difference": round(apart / len(counts), 3) if counts else None,
            "mean_segment_ms": round(sum(one.ms for one in counts) / segments, 1) if segments else None}
