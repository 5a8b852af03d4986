"""A stream that begins anew gives, bit for bit, what the one that went on gives, once it has heard enough blocks."""

import pytest
import torch

from mgcm_fairseq.modules.front_end import NORM_SAMPLES
from tests.modules.networks import speech
from tests.modules.test_bounded_streaming import FRONT_END, encoder

BLOCK_FRAMES = 16  # of 20 ms, in blocks of 320 ms


@pytest.fixture(scope="module")
def blocks():
    """Of ever other speech, of which the norm takes no more statistics: 10 s and 20 blocks more."""
    samples = torch.cat([speech([16_000], seed)[0][0] * (seed + 1) for seed in range(17)]).double()
    return samples[:NORM_SAMPLES + 20 * 5_120].split(5_120)


@torch.no_grad()
@pytest.mark.parametrize("history_ms", [320, 400, 640, 960])
def test_enough_is_each_layers_reach_in_blocks_and_one(blocks, history_ms):
    made = encoder(front_end_history=history_ms).front_end
    going_on = made.stream(False)
    heard = [going_on.extend(block[None]) for block in blocks]
    enough = FRONT_END["encoder_layers"] * -(-history_ms // 20 // BLOCK_FRAMES) + 1
    assert torch.equal(restarted(made, going_on, blocks[-1 - enough:]), heard[-1])
    one_less = restarted(made, going_on, blocks[-enough:])
    assert torch.equal(one_less, heard[-1]) == (history_ms % 320 > 0), "a part of a block need not be heard whole"


def restarted(made, going_on, blocks):
    """The last block's features from a new stream with the old one's statistics."""
    stream = made.stream(False)
    stream.sums, stream.normed = going_on.sums, going_on.normed
    return [stream.extend(block[None]) for block in blocks][-1]
