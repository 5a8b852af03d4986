"""Boundaries: noise, probabilities, and decisions that are the same on prefixes and on whole utterances."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mgcm_fairseq.core.segmentation.boundaries import decide_frames, decide_streaks, noisy_logits, probabilities
from tests.core.segmentation import loops
from tests.core.segmentation.inputs import batches, hard, ragged


@given(batches())
def test_probabilities_are_sigmoids_and_zero_at_padding(batch):
    logits_BT, lengths_B = batch
    found = probabilities(logits_BT, lengths_B)
    for row, e_T, length in zip(found, logits_BT, lengths_B, strict=True):
        expected = torch.tensor([loops.sigmoid(e) for e in e_T[:length].tolist()], dtype=torch.float64)
        torch.testing.assert_close(row[:length], expected, rtol=1e-12, atol=0)
        assert not row[length:].any()


@given(batches(), st.sampled_from([decide_frames, decide_streaks]))
def test_padding_is_never_a_boundary(batch, decide):
    found = decide(*batch).boundaries
    for row, length in zip(found, batch[1], strict=True):
        assert not row[length:].any()


@given(batches())
def test_decisions_are_where_p_is_above_a_half_and_streaks_count_at_their_first_frame(batch):
    logits_BT, lengths_B = batch
    merged, plain = decide_streaks(*batch), decide_frames(*batch)
    for b, length in enumerate(lengths_B.tolist()):
        high = [loops.sigmoid(e) > 0.5 for e in logits_BT[b, :length].tolist()]
        assert plain.boundaries[b, :length].tolist() == high
        assert merged.boundaries[b, :length].tolist() == loops.streaks(high)
        assert merged.last[b] == high[-1]


def test_streaks_by_hand():
    lengths_B = torch.tensor([8, 8, 5])
    logits_BT = hard([".||..|||", "||||||||", ".|.||RUB"])
    assert decide_streaks(logits_BT, lengths_B).boundaries.long().tolist() == [
        [0, 1, 0, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0], [0, 1, 0, 1, 0, 0, 0, 0]]
    assert decide_frames(logits_BT, lengths_B).boundaries.sum(1).tolist() == [5, 8, 3]


def test_exactly_a_half_is_no_boundary():
    assert not decide_streaks(torch.zeros(1, 3), torch.tensor([3])).boundaries.any()
    tiny = torch.tensor([[1e-12, -1e-12]])  # sigmoid rounds both to 0.5
    assert decide_streaks(tiny, torch.tensor([2])).boundaries.tolist() == [[True, False]]


@pytest.mark.parametrize("decide", [decide_frames, decide_streaks])
@given(st.lists(st.booleans(), min_size=1, max_size=10), st.data())
def test_every_split_into_parts_gives_the_decisions_of_the_whole(decide, high, data):
    logits_BT = hard([high])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(high)), max_size=6)))
    last_B, found = None, []
    for start, end in zip([0, *cuts], [*cuts, len(high)], strict=True):
        part = decide(logits_BT[:, start:end], torch.tensor([end - start]), last_B)
        found.append(part.boundaries)
        last_B = part.last
    whole = decide(logits_BT, torch.tensor([len(high)]))
    assert torch.equal(torch.cat(found, 1), whole.boundaries)
    assert torch.equal(last_B, whole.last)


def test_parts_of_different_lengths_keep_a_state_for_each_utterance():
    first = decide_streaks(hard(["..|", "|.."]), torch.tensor([3, 1]))
    assert first.last.tolist() == [True, True]
    nothing = decide_streaks(hard(["|||", "|||"]), torch.tensor([0, 0]), before_B=torch.tensor([True, False]))
    assert nothing.last.tolist() == [True, False]
    assert not nothing.boundaries.any()
    second = decide_streaks(hard(["||.", ".|."]), torch.tensor([3, 2]), before_B=first.last)
    assert second.boundaries.tolist() == [[False, False, False], [False, True, False]]


@pytest.mark.parametrize("decide", [decide_frames, decide_streaks])
@given(st.lists(st.booleans(), min_size=1, max_size=10))
def test_a_decision_on_a_prefix_never_flips(decide, high):
    whole = decide(hard([high]), torch.tensor([len(high)])).boundaries
    for end in range(1, len(high)):
        prefix = decide(hard([high])[:, :end], torch.tensor([end])).boundaries
        assert torch.equal(prefix, whole[:, :end])


def test_noise_has_the_standard_deviation_asked_for():
    noise = noisy_logits(torch.zeros(100, 100), 3.0)
    assert noise.std().item() == pytest.approx(3, rel=0.05)
    assert noise.mean().item() == pytest.approx(0, abs=0.15)


def test_noise_is_drawn_anew_and_leaves_the_gradient_alone():
    logits_BT = torch.randn(2, 5, requires_grad=True)
    found = [noisy_logits(logits_BT, 3.0) for _ in range(2)]
    assert not torch.equal(*found)
    [gradient] = torch.autograd.grad(found[0].sum(), logits_BT)
    assert gradient.eq(1).all()


def test_no_noise_draws_no_random_numbers():
    logits_BT, _ = ragged([5, 3])
    before = torch.get_rng_state()
    assert torch.equal(noisy_logits(logits_BT, 0.0), logits_BT)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened_before_noise_and_sigmoid(dtype):
    logits_BT = torch.tensor([[12.0]], dtype=dtype)
    assert noisy_logits(logits_BT, 1.0).dtype == torch.float32
    found = probabilities(logits_BT, torch.tensor([1]))
    assert found.dtype == torch.float32
    assert found.item() < 1  # in half precision it is 1, and without gradient
