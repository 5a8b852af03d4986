"""The network with segmented attention, in fp64: padding, causality, units of the lag, and what a checkpoint keeps."""

import pytest
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.modules.schedule import OFFLINE, Phase, Schedule
from tests.modules.networks import VOCABULARY, WORD_STARTS, network, phase, speech, task_inputs, text_memory, tokens

SHAPES = [{"front_end_block": 160}, {}, {"front_end_block": 160, "segmentation_variant": "published"},
          {"front_end_block": 160, "differentiable_waiting": True},
          {"front_end_block": 160, "differentiable_waiting": True, "front_end_history": 160, "encoder_history": 160,
           "longest_segment": 240, "rotary": True}]
PHASE = Phase(segmented=True, lag=2)
SAMPLES, PIECES = [16_000, 9_999, 400], [7, 4, 2]


def segmenting(**changes):
    return network(**{"segmentation_variant": "repaired", **changes}).double()


def inputs(rows=slice(None)):
    return task_inputs(SAMPLES, PIECES, rows)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_logits_do_not_depend_on_the_batch(shape, training):
    model = segmenting(**shape).train(training)
    batched = model(inputs(), ("st", "asr", "mt"), False, PHASE)
    for row, length in enumerate(PIECES):
        alone = model(inputs(slice(row, row + 1)), ("st", "asr", "mt"), False, PHASE)
        for task, logits in alone.logits.items():
            torch.testing.assert_close(batched.logits[task][row, :length], logits[0], atol=1e-9, rtol=0)
        frames = int(alone.segmented.frames)
        torch.testing.assert_close(batched.segmented.logits[row, :frames], alone.segmented.logits[0], atol=1e-9, rtol=0)


def test_the_end_of_a_sentence_is_no_piece_of_the_transcript():
    segmented = segmenting()(inputs(), ("st",), False, PHASE).segmented
    assert segmented.text_lengths.tolist() == [length - 1 for length in PIECES]


@pytest.mark.parametrize("variant", ["repaired", "published"])
def test_no_logit_depends_on_speech_behind_what_it_may_see(variant):
    model = segmenting(front_end_block=160, segmentation_variant=variant)
    torch.nn.init.normal_(model.encoder.segmenter.output.weight)
    waveform, samples = speech([48_000])
    prefix, _ = tokens([6], 2)
    waveform = waveform.double().requires_grad_()
    memory = model.encoder.speech(waveform, samples, PHASE)
    mask = model.lag_mask(memory, prefix, 1)
    logits = model.decoder(prefix, memory, None, mask)
    hidden = 0
    for position in range(6):
        [gradient] = torch.autograd.grad(logits[0, position].square().sum(), waveform, retain_graph=True)
        last = int(mask[0, 0, position].nonzero().max())
        segment_end = int((memory.units[0] <= memory.units[0, last]).nonzero().max())
        block_end = ((segment_end * 1280 + 399) // 2560 + 1) * 2560  # frames of 80 ms, blocks of 160 ms
        assert gradient[0, block_end:].abs().sum() == 0
        hidden += block_end < 48_000
    assert hidden > 0


def test_the_lag_counts_words_of_both_texts():
    model = segmenting()
    starts = [index for index, start in enumerate(WORD_STARTS) if start]
    inner = next(index for index in range(6, VOCABULARY) if not WORD_STARTS[index])
    source = torch.tensor([[starts[0], inner, starts[1], starts[2], inner, inner, starts[3], 2]])
    prefix = torch.tensor([[4, starts[0], inner, starts[1], starts[2]]])
    memory = text_memory(model.encoder, source, torch.tensor([8]), PHASE)
    seen = model.lag_mask(memory, prefix, 2)[0, 0].sum(1)
    assert seen.tolist() == [3, 6, 6, 8, 8]  # words 1-2, 1-3, 1-3, and all four with </s>


def test_the_lag_counts_pieces_as_published():
    model = segmenting(segmentation_variant="published")
    memory = text_memory(model.encoder, torch.tensor([[7, 8, 9, 10, 11, 12, 13, 2]]), torch.tensor([8]), PHASE)
    seen = model.lag_mask(memory, torch.tensor([[4, 7, 8, 9]]), 2)[0, 0].sum(1)
    assert seen.tolist() == [3, 4, 5, 6]


def test_the_schedule_says_what_is_on_in_each_update():
    options = {"segmentation_variant": "repaired", "freeze_front_end_updates": 1, "segment_from": 2, "noise_from": 3,
               "segment_noise": 3.0, "multipath_from": 4, "lags": "7,7"}
    assert [phase(update, **options) for update in range(5)] == [
        Phase(0, front_end_frozen=True), Phase(1), Phase(2, True), Phase(3, True, 3.0), Phase(4, True, 3.0, 7)]
    assert phase(4, **options).at_test(5) == Phase(4, True, 0.0, 5)
    assert phase(1, **options).at_test(5) == Phase(1), "no lag where nothing is segmented"


def test_what_a_phase_or_a_schedule_does_not_name_is_off():
    assert Phase() == Phase(0, False, 0.0, None, False)
    assert Schedule().phase(3) == Phase(3)
    assert Schedule(segment_from=0).phase(0) == Phase(0, True, 0.0, 1)
    assert Schedule(segment_from=0, noise=3.0).phase(0) == Phase(0, True, 3.0, 1)


def test_an_offline_network_never_segments():
    options = {"segmentation_variant": "none", "segment_from": 0, "multipath_from": 0, "noise_from": 0}
    assert not phase(9, **options).segmented
    with pytest.raises(ValueError, match="found an offline one"):
        network().double()(inputs(), ("st",), False, PHASE)


def test_the_last_frame_ends_an_utterance_without_a_boundary():
    """Every frame is likely: as published each of them but the last counts."""
    model = segmenting(segmentation_variant="published")
    torch.nn.init.constant_(model.encoder.segmenter.output.bias, 100.0)
    segmented = model(inputs(), ("st",), False, PHASE).segmented
    positions = torch.arange(segmented.boundaries.size(1))
    assert torch.equal(segmented.boundaries, positions < segmented.frames[:, None] - 1)


def test_noise_is_of_training_alone():
    model, noisy = segmenting(), Phase(segmented=True, noise=3.0)
    outputs = [model(inputs(), ("st",), False, noisy, PLAIN).logits["st"] for _ in range(2)]
    assert torch.equal(*outputs)
    outputs = [model.train()(inputs(), ("st",), False, noisy, PLAIN).logits["st"] for _ in range(2)]
    assert not torch.equal(*outputs)


def test_before_it_segments_a_network_is_an_offline_one():
    made = inputs()
    expected = network().double()(made, ("st", "asr", "mt"), False, OFFLINE)
    weights = network().double().state_dict()
    model = segmenting()
    model.load_state_dict(weights, strict=False)
    found = model(made, ("st", "asr", "mt"), False, OFFLINE)
    assert found.segmented is None
    assert all(torch.equal(found.logits[task], expected.logits[task]) for task in expected.logits)


@pytest.mark.parametrize("changes", [{"segmentation_variant": "published"}, {"segmentation_variant": "none"}])
def test_expected_waiting_is_for_the_repaired_variant(changes):
    with pytest.raises(InputError, match="--differentiable-waiting"):
        network(differentiable_waiting=True, **changes)


@pytest.mark.parametrize("lags", ["", "3", "0,3", "5,3", "1,x,15", "1,2,3"])
def test_lags_that_are_no_range(lags):
    with pytest.raises(InputError, match="--lags"):
        phase(lags=lags)
