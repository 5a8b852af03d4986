"""What the network relies on, for every front end of the registry: a row of ROWS is all that another one needs here."""

import pytest
import torch

from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.modules.front_ends import FRONT_ENDS
from mgcm_fairseq.modules.schedule import Phase
from tests.core.conflict.steps import assert_same, real_case, step_of
from tests.modules.networks import config, features, network, speech

ROWS = {  # the model's options beside the demo's
    "wav2vec2": {},
    "wav2vec2 in blocks": {"front_end_block": 160},
    "wav2vec2 in blocks, bounded": {"front_end_block": 160, "front_end_history": 80},
}
every_front_end = pytest.mark.parametrize("row", ROWS)


@pytest.fixture
def front_end(row):
    return network(**ROWS[row]).double().encoder.front_end


def hear(front_end, lengths):
    waveform, samples = speech(lengths)
    return features(front_end, waveform.double(), samples)


def test_every_front_end_of_the_registry_is_here():
    assert {str(config(**options).front_end) for options in ROWS.values()} == FRONT_ENDS.keys()


@every_front_end
def test_an_utterances_features_do_not_depend_on_its_batch(front_end):
    waveform, lengths = speech([16_000, 9_999, front_end.receptive_field])
    waveform = waveform.double()
    batch_BTC, frames = features(front_end, waveform, lengths)
    noisy_BTC, _ = features(front_end, torch.where(waveform == 0, 0.3, waveform), lengths)
    for row, length in enumerate(lengths):
        alone_1TC, [own] = features(front_end, waveform[row:row + 1, :length], lengths[row:row + 1])
        assert own == frames[row]
        torch.testing.assert_close(batch_BTC[row:row + 1, :own], alone_1TC, atol=1e-10, rtol=0)
        torch.testing.assert_close(noisy_BTC[row:row + 1, :own], alone_1TC, atol=1e-10, rtol=0)


@every_front_end
def test_there_are_as_many_frames_as_it_says_and_as_wide(front_end):
    field, step = front_end.receptive_field, front_end.frame_samples
    for samples, expected in ((field, 1), (field + step - 1, 1), (field + step, 2), (field + 9 * step, 10)):
        found_1TC, frames = hear(front_end, [samples])
        assert (found_1TC.shape, frames.tolist()) == ((1, expected, front_end.dim), [expected])
    assert front_end.frames(torch.tensor([0, 1, 15, field - 1, field])).tolist() == [0, 0, 0, 0, 1]


@every_front_end
@torch.no_grad()
def test_the_encoder_hears_nothing_in_what_is_too_short_for_a_frame(row):
    encoder = network(**ROWS[row]).double().encoder
    for length in (1, encoder.front_end.receptive_field - 1):
        waveform, lengths = speech([length])
        memory = encoder.speech(waveform.double(), lengths, Phase())
        assert memory.lengths.tolist() == [0]
        assert memory.states.isfinite().all()


@every_front_end
def test_gradients_reach_its_weights_and_the_samples(front_end):
    waveform, lengths = speech([8_000, 5_000])
    waveform = waveform.double().requires_grad_()
    found_BTC, [_, frames] = features(front_end, waveform, lengths)
    found_BTC[:, :frames].square().sum().backward()
    names = [name for name, parameter in front_end.named_parameters() if parameter.grad is None]
    assert not names
    assert waveform.grad.abs().sum(1).min() > 0
    assert not waveform.grad[1, 5_000:].any()


@every_front_end
def test_its_features_serve_all_tasks(front_end):
    waveform, lengths = speech([5_120])
    assert front_end(waveform.double(), lengths, PLAIN, ("st", "asr")).tasks == ("st", "asr")


@every_front_end
def test_both_engines_differentiate_it(row):
    case = real_case(**ROWS[row])
    expected = step_of(case, "stash")
    assert_same(step_of(case, "streamed"), expected)
    front = [name for name, _ in case.model.encoder.front_end.named_parameters()]
    assert all(expected[f"encoder.front_end.{name}"] is not None for name in front)


@pytest.mark.parametrize("row", [row for row in ROWS if "front_end_block" in ROWS[row]])
@torch.no_grad()
def test_what_hears_in_blocks_streams(front_end):
    size = front_end.block
    waveform, lengths = speech([7 * size + 900])
    waveform = waveform.double()
    whole_1TC, _ = features(front_end, waveform, lengths)
    stream, ahead = front_end.stream(False), []
    for samples in waveform.split(size, 1):
        fork = stream.fork()
        ahead.append(stream.extend(samples))
        torch.testing.assert_close(fork.extend(samples), ahead[-1], atol=0, rtol=0)
    torch.testing.assert_close(torch.cat(ahead, 1), whole_1TC, atol=1e-10, rtol=0)
