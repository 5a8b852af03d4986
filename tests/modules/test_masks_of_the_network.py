"""What the layers of the whole network may see: MT's text, a text of nothing, and the same noise for both masks."""

import pytest
import torch
import torch.nn.functional as F

from mgcm_fairseq.core.segmentation import expected_waiting, words_begun
from mgcm_fairseq.modules.schedule import Phase
from mgcm_fairseq.modules.simul_st import TaskInputs
from tests.modules.networks import WORD_STARTS, network, phase, speech, text_memory, tokens

SEGMENTING = {"segmentation_variant": "repaired", "front_end_block": 160, "multipath_from": 0, "lags": "2,2"}
PUBLISHED = {**SEGMENTING, "segmentation_variant": "published"}
LATER = {**SEGMENTING, "segment_from": 10}


def inputs(text, lengths, prefix=None):
    waveform, samples = speech([16_000, 9_999][:len(text)])
    prefix = text if prefix is None else prefix
    return TaskInputs(waveform.double(), samples, text, lengths, prefix, prefix)


def calls(layers, run):
    """The arguments of each call of the first of the layers."""
    seen = []
    handle = layers[0].register_forward_pre_hook(lambda _, given: seen.append(given))
    run()
    handle.remove()
    return seen


def states_of_text(model, text, lengths, now):
    """MT's encoder states, in training and for inference."""
    states = []
    handle = model.encoder.layers[-1].register_forward_hook(lambda *hook: states.append(hook[-1]))
    model.train()(inputs(text, lengths), ("mt",), False, now)
    handle.remove()
    return states[0], text_memory(model.eval().encoder, text, lengths, now).states


@pytest.mark.parametrize(("changes", "causal"), [({}, False), (LATER, False), (SEGMENTING, True), (PUBLISHED, True)])
def test_text_is_read_causally_where_speech_is_segmented(changes, causal):
    model, now = network(dropout=0.0, **changes).double(), phase(5, **changes)
    text, lengths = tokens([7, 7])
    changed = text.clone()
    changed[:, 4] = text[:, 4] % 40 + 5
    both = (states_of_text(model, of_text, lengths, now) for of_text in (text, changed))
    for before, after in zip(*both, strict=True):
        same = (before - after).abs().amax((0, 2)) == 0
        assert same.tolist() == ([True] * 4 + [False] * 3 if causal else [False] * 7)


def test_decoder_and_encoder_are_masked_by_the_same_noise():
    """The encoder's bias one frame ahead is log(1 - p) of each frame, noise and all: from it comes the decoder's."""
    model = network(dropout=0.0, differentiable_waiting=True, **SEGMENTING).double().train()
    now = Phase(segmented=True, noise=3.0, lag=2)
    text, lengths = tokens([6, 4])
    found = {}

    def run():
        found["decoder"] = calls(model.decoder.layers, lambda: model(inputs(text, lengths), ("st", "asr"), False, now))

    [(_, visibility)] = [given[:2] for given in calls(model.encoder.layers, run)]
    units = torch.tensor(WORD_STARTS)[text]
    sizes = frame_counts(visibility)
    ahead = visibility[:, 0].diagonal(1, 1, 2)  # log(1 - p_t), t < T - 1
    logits = F.pad(torch.log(torch.expm1(-ahead.clamp(-500, -1e-12))), (0, 1))
    expected = expected_waiting(logits, sizes, words_begun(units), 2, torch.float64)
    assert len(found["decoder"]) == 2
    for given in found["decoder"]:
        torch.testing.assert_close(given[3], expected, rtol=1e-6, atol=1e-6)
    assert (expected.exp() - expected.exp().round()).abs().max() > 0.01  # and not all of it is certain


def frame_counts(visibility):
    """(B,) keys that the last frame of each row sees."""
    return (visibility[:, 0, -1] > -1e3).sum(1)


@pytest.mark.parametrize("changes", [{}, SEGMENTING])
def test_no_row_of_a_mask_is_empty_for_a_text_of_nothing(changes):
    model, now = network(dropout=0.0, **changes).double(), phase(5, **changes)
    text, lengths = tokens([5, 5])
    text[1], lengths[1] = 1, 0
    for training in (True, False):
        model.train(training)
        encoders = calls(model.encoder.layers, lambda: model(inputs(text, lengths), ("mt",), False, now))
        assert encoders[0][1].any(3).all()
    logits = model.train()(inputs(text, lengths), ("mt",), False, now).logits["mt"]
    logits.square().sum().backward()
    assert logits.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    alone = model(inputs(text[:1], lengths[:1]), ("mt",), False, now).logits["mt"]
    torch.testing.assert_close(logits[:1], alone, rtol=0, atol=1e-10)
    assert text_memory(model.eval().encoder, text, lengths, now).units.min() >= 0
