"""What the first layers read: embeddings times sqrt(D), and the positions of Vaswani et al. 2017, section 3.5."""

import math

import pytest
import torch

from mgcm_fairseq.modules.attention import MultiheadAttention
from mgcm_fairseq.modules.positions import SinusoidalPositions
from mgcm_fairseq.modules.schedule import OFFLINE
from tests.modules.networks import network, speech, text_memory, tokens


def angle(position, index, half):
    """pos / 10000^(i / (half - 1)): the rates fall from 1 to 1/10000, as in tensor2tensor; the paper's from 1 to
    1/10000^(1 - 2 / D).
    """
    return position / 10_000 ** (index / (half - 1))


@pytest.mark.parametrize("start", [0, 9])
def test_positions_are_sines_in_the_first_half_and_cosines_in_the_second(start):
    half, size = 6, 40
    found = SinusoidalPositions(2 * half)(torch.zeros(1, size, 2 * half), start)[0]
    expected = [[function(angle(start + t, i, half)) for function in (math.sin, math.cos) for i in range(half)]
                for t in range(size)]
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-5, rtol=0)


def test_the_first_position_is_zero_in_every_sine():
    assert SinusoidalPositions(8)(torch.zeros(1, 1, 8))[0, 0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_what_is_half_stays_half():
    assert SinusoidalPositions(8)(torch.zeros(1, 2, 8, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_the_table_that_has_grown_goes_on_as_the_first():
    first, grown = SinusoidalPositions(8), SinusoidalPositions(8)
    size, table = first.table.size(0), first.table
    first(torch.zeros(1, size, 8))
    assert first.table is table
    beyond = grown(torch.zeros(1, 5, 8), size)
    assert grown.table.size(0) > size
    assert torch.equal(grown.table[:size], first.table)
    assert torch.equal(beyond[0], grown.table[size:size + 5])


def embedded(module, run):
    """What a part of the network gives its positions to be added to."""
    read = []
    handle = module.positions.register_forward_pre_hook(lambda _, given: read.append(given[0]))
    run()
    handle.remove()
    return read[0]


def test_embeddings_are_scaled_by_the_root_of_their_width():
    model = network().double()
    text, lengths = tokens([6, 3])
    memory = text_memory(model.encoder, text, lengths)
    for part, run in ((model.encoder, lambda: text_memory(model.encoder, text, lengths)),
                      (model.decoder, lambda: model.decoder(text, memory))):
        weight = part.embedding.weight
        torch.testing.assert_close(embedded(part, run), math.sqrt(weight.size(1)) * weight[text], rtol=1e-12, atol=0)


def test_embedded_speech_is_normalised_and_not_scaled():
    encoder = network().double().encoder
    waveform, samples = speech([8_000])
    found = embedded(encoder, lambda: encoder.speech(waveform.double(), samples, OFFLINE))
    torch.testing.assert_close(found.mean(2), torch.zeros_like(found.mean(2)), atol=1e-9, rtol=0)
    torch.testing.assert_close(found.square().mean(2), torch.ones_like(found.mean(2)), atol=1e-2, rtol=0)


def test_an_output_of_its_own_begins_as_the_embedding_does():
    made = network(tie_output=False)
    dim = made.decoder.output.in_features
    for weight in (made.decoder.output.weight, made.decoder.embedding.weight):
        assert weight.std().item() == pytest.approx(dim**-0.5, rel=0.1)


def test_there_is_a_norm_behind_the_positions_unless_it_is_left_out():
    for left_out in (False, True):
        made = network(no_embedding_norm=left_out)
        for norm in (made.encoder.embedding_norm, made.decoder.embedding_norm):
            x_BTD = 3 * torch.randn(1, 4, made.encoder.projection.out_features) + 1
            found = norm(x_BTD)
            assert torch.equal(found, x_BTD) == left_out
            assert torch.allclose(found.mean(2), torch.zeros(1, 4), atol=1e-5) != left_out


def test_projections_of_attention_begin_as_those_of_one_matrix_for_all_three():
    """Xavier's bound with a gain of 1 / sqrt(2), as PyTorch's MultiheadAttention and fairseq's."""
    made = MultiheadAttention(64, 4, 0.0)
    for projection in (made.q_proj, made.k_proj, made.v_proj):
        assert 0.95 < projection.weight.abs().max() / (6 / 128 / 2) ** 0.5 <= 1
    assert 0.95 < made.out_proj.weight.abs().max() / (6 / 128) ** 0.5 <= 1
