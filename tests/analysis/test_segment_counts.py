"""Segments counted in streaming against a count of the frames of a full pass, and the arithmetic of the groups."""

import pytest
import soundfile
import torch

from mgcm_fairseq.analysis.segment_counts import (
    SegmentCount,
    count_segments,
    short_and_long,
    split_at,
    streamed_segments,
)
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.data.audio import AudioSpan
from mgcm_fairseq.data.manifest import Utterance
from tests.modules.networks import network, speech

LENGTHS = [48_000, 24_321, 16_000, 5_119, 400, 399]
HAND_MADE = [SegmentCount(3, 2, 900.0), SegmentCount(2, 3, 600.0), SegmentCount(5, 4, 1000.0),
             SegmentCount(4, 8, 2000.0)]


def segmenting(variant):
    """An encoder that sees a boundary behind about half of the frames."""
    encoder = network(front_end_block=320, segmentation_variant=variant).encoder
    waveform, _ = speech(LENGTHS[:1])
    with torch.no_grad():
        torch.nn.init.normal_(encoder.segmenter.output.weight)
        logits = raw_logits(encoder, waveform[0])
        encoder.segmenter.output.bias -= torch.tensor(logits).mean()
    return encoder


def raw_logits(encoder, samples):
    """e of every frame, from a pass over the whole utterance."""
    lengths = torch.tensor([len(samples)])
    embedded, _ = encoder.embed_speech(encoder.front_end(samples[None], lengths, PLAIN, ("st",)), lengths, PLAIN)
    return encoder.segmenter(embedded.value)[0].tolist()


def by_hand(logits, variant):
    """Segments: one more than there are boundaries before the last frame."""
    segments, above = 1, False
    for logit in logits[:-1]:
        segments += logit > 0 and (variant == "published" or not above)
        above = logit > 0
    return segments


@pytest.mark.parametrize("variant", ["repaired", "published"])
@pytest.mark.parametrize("read", [160, 5_120, 100_000])
def test_streaming_counts_what_a_full_pass_does(variant, read):
    encoder = segmenting(variant)
    for length in LENGTHS:
        samples = speech([length])[0][0]
        with torch.no_grad():
            expected = 0 if length < 400 else by_hand(raw_logits(encoder, samples), variant)
        assert streamed_segments(encoder, samples, read) == expected
    assert by_hand(raw_logits(encoder, speech(LENGTHS[:1])[0][0]), variant) > 5, "or nothing was tested"


def test_counts_belong_to_their_utterances(tmp_path):
    encoder = segmenting("repaired")
    waveform = speech([40_000])[0][0]
    soundfile.write(tmp_path / "a.wav", waveform.numpy(), 16_000, subtype="FLOAT")
    spans = [(0, 24_000, "a b c"), (24_000, 16_000, "d")]
    utterances = [Utterance("u", AudioSpan(tmp_path / "a.wav", start, size), size, text, "t", "s", "en", "de")
                  for start, size, text in spans]
    found = list(count_segments(encoder, utterances, 320))
    segments = [streamed_segments(encoder, waveform[start:start + size], 5_120) for start, size, _ in spans]
    assert segments[0] != segments[1]
    assert found == [SegmentCount(segments[0], 3, 1500.0), SegmentCount(segments[1], 1, 1000.0)]


def test_groups_of_a_hand_made_case():
    assert short_and_long(HAND_MADE, 3) == {
        "short": {"utterances": 2, "segments": 5, "words": 5, "ratio": 1.0, "mean_absolute_difference": 1.0,
                  "mean_segment_ms": 300.0},
        "long": {"utterances": 2, "segments": 9, "words": 12, "ratio": 0.75, "mean_absolute_difference": 2.5,
                 "mean_segment_ms": 333.3},
    }


def test_speech_without_a_segment_or_a_word_has_no_mean():
    group = short_and_long([SegmentCount(0, 0, 20.0), SegmentCount(1, 1, 20.0)], 0)["short"]
    assert (group["ratio"], group["mean_segment_ms"]) == (None, None)


@pytest.mark.parametrize(("words", "median"), [([1, 2], 1), ([2, 2, 3, 9], 2), ([5, 1, 3], 3), ([0, 4, 4, 4, 7], 4)])
def test_the_split_is_at_the_median(words, median):
    assert split_at(transcripts(words)) == median


def test_a_language_without_spaces_is_counted_by_characters(tmp_path):
    span = AudioSpan(tmp_path / "a.wav", 0, 24_000)
    soundfile.write(span.path, speech([24_000])[0][0].numpy(), 16_000, subtype="FLOAT")
    texts = ("你好。", "今天, 2020年 Python Java 好!", "我们走吧", "")
    said = [Utterance("u", span, 24_000, text, "t", "s", "zh", "en") for text in texts]
    assert [one.words for one in count_segments(segmenting("repaired"), said, 320)] == [2, 7, 4, 0]
    assert split_at(said) == 2


@pytest.mark.parametrize("words", [[4], [4, 4, 4], [1, 4, 4]])
def test_a_split_without_long_utterances_is_refused(words):
    with pytest.raises(InputError, match="found a median of 4 words, and no more in any of"):
        split_at(transcripts(words))


@pytest.mark.parametrize("read_ms", [0, -320])
def test_reads_of_no_length_are_refused(read_ms):
    with pytest.raises(InputError, match="--source-segment-size"):
        list(count_segments(segmenting("repaired"), [], read_ms))


def transcripts(words):
    span = AudioSpan("a.wav", 0, 1)
    return [Utterance("u", span, 1, " ".join("w" * count), "t", "s", "en", "de") for count in words]
