"""Encoder and decoder, in fp64: nothing depends on padding or batch size, and no token on a later one."""

import pytest
import torch

from mgcm_fairseq.modules.cache import Cache
from mgcm_fairseq.modules.schedule import OFFLINE
from tests.modules.networks import network, speech, text_memory, tokens

SHAPES = [{}, {"norm_first": False, "subsample_kernels": "", "tie_output": False, "no_embedding_norm": True}]
SAMPLES = [20_000, 12_345, 5_000, 400]
TOKENS = [9, 7, 2, 1]


def double(batch):
    return batch[0].double(), batch[1]


@pytest.mark.parametrize("shape", SHAPES)
def test_speech_states_do_not_depend_on_the_batch(shape):
    encoder = network(**shape).double().encoder
    waveform, lengths = double(speech(SAMPLES))
    batched = encoder.speech(waveform, lengths, OFFLINE)
    for row, length in enumerate(lengths):
        alone = encoder.speech(waveform[row:row + 1, :length], lengths[row:row + 1], OFFLINE)
        assert alone.lengths.item() == batched.lengths[row] == alone.states.size(1)
        torch.testing.assert_close(batched.states[row, :alone.lengths], alone.states[0], atol=1e-10, rtol=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_text_states_do_not_depend_on_the_batch(shape):
    encoder = network(**shape).double().encoder
    text, lengths = tokens(TOKENS)
    batched = text_memory(encoder, text, lengths)
    for row, length in enumerate(lengths):
        alone = text_memory(encoder, text[row:row + 1, :length], lengths[row:row + 1])
        torch.testing.assert_close(batched.states[row, :length], alone.states[0], atol=1e-10, rtol=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_logits_do_not_depend_on_the_batch(shape):
    model = network(**shape).double()
    waveform, samples = double(speech(SAMPLES))
    text, lengths = tokens(TOKENS)
    batched = model.decoder(text, model.encoder.speech(waveform, samples, OFFLINE))
    for row, length in enumerate(lengths):
        memory = model.encoder.speech(waveform[row:row + 1, :samples[row]], samples[row:row + 1], OFFLINE)
        alone = model.decoder(text[row:row + 1, :length], memory)
        torch.testing.assert_close(batched[row, :length], alone[0], atol=1e-10, rtol=0)


def test_no_logit_depends_on_a_later_token():
    model = network().double()
    memory = model.encoder.speech(*double(speech([8_000])), OFFLINE)
    embedded = []
    model.decoder.dropout.register_forward_hook(lambda *hook: embedded.append(hook[-1]) or hook[-1].retain_grad())
    logits = model.decoder(tokens([6])[0], memory)
    logits[0, 2].sum().backward()
    reached = embedded[0].grad[0].abs().sum(1) > 0
    assert reached.tolist() == [True, True, True, False, False, False]


@pytest.mark.parametrize("pieces", [[1] * 6, [2, 3, 1], [6]])
def test_decoding_in_steps_equals_one_pass(pieces):
    model = network().double()
    memory = model.encoder.speech(*double(speech([8_000, 8_000])), OFFLINE)
    text, _ = tokens([6, 6])
    cache = Cache()
    steps = [model.decoder(part, memory, cache) for part in text.split(pieces, dim=1)]
    torch.testing.assert_close(torch.cat(steps, 1), model.decoder(text, memory), atol=1e-10, rtol=0)


def test_positions_grow_past_their_first_table():
    positions = network().encoder.positions
    near = positions(torch.zeros(1, 10, positions.dim))
    far = positions(torch.zeros(1, 3000, positions.dim))
    assert torch.equal(near, far[:, :10])
    assert torch.equal(positions(torch.zeros(1, 1, positions.dim), start=2999)[0, 0], far[0, 2999])
