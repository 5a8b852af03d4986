"""Lags do not drift where source words and target words come at other rates than segments do.

The network is a stub that knows what is said. A sample is a frame, and a segment has 16 of them. A source word takes
`pace` % of a segment; 100 source words are `wordy` target words. Behind those of a sentence the decoder writes </s>.
"""

from argparse import ArgumentParser
from copy import copy

import pytest
import torch
from torch import nn

from mgcm_fairseq.benchmarks.agents.systems import random_system
from tests.agents.feeding import feed, words
from tests.agents.policies import SOON

SEGMENT = 16  # frames
SENTENCE = 10  # source words
WORDS = 5_000  # source words
LAG = 3


class Counting(nn.Module):
    """A front end whose frames are their own numbers, from the talk's beginning."""

    block, frame_samples, receptive_field, heard = SEGMENT, 1, 1, 0

    def stream(self, one_shape):
        return copy(self)

    def fork(self):
        return copy(self)

    def extend(self, samples_1N):
        start, self.heard = self.heard, self.heard + samples_1N.size(1)
        return torch.arange(start, self.heard, dtype=torch.float32)[None, :, None]


class Knowing:
    """A decoder that says the sentence which its memory begins with, whether it has been heard or not."""

    def __init__(self, vocabulary, pace, wordy):
        self.eos, self.size = vocabulary.eos, len(vocabulary.pieces)
        self.whole = [index for index, piece in enumerate(vocabulary.pieces) if piece[0] == "▁" and len(piece) > 2]
        self.pace, self.wordy = pace, wordy
        self.saw: dict[int, int] = {}  # target word: the last frame by which it was decided

    def end(self, word):
        """Frames up to the end of the source word that a target word stands for."""
        return -(-100 * (word + 1) // self.wordy) * SEGMENT * self.pace // 100

    def sentence(self, memory):
        """Its first target word, and that of the next."""
        number = int(memory.states[0, 0, 0]) * 100 // (SENTENCE * SEGMENT * self.pace)
        return [sentence * SENTENCE * self.wordy // 100 for sentence in (number, number + 1)]

    def scores(self, tokens_1U, memory, cache, mask=None):
        cache.append("0.self.k", torch.zeros(1, 1, tokens_1U.size(1), 1))
        first, behind = self.sentence(memory)
        word = first + cache["0.self.k"].size(2) - 1
        if word < behind:
            seen = memory.states[0, :, 0] if mask is None else memory.states[0, mask[0, 0, -1], 0]
            self.saw[word] = int(seen.max()) + 1 if len(seen) else 0
        piece = self.whole[word % len(self.whole)] if word < behind else self.eos
        return torch.nn.functional.one_hot(torch.tensor([[piece]]), self.size).float()

    def attention(self, tokens_1U, memory, layer):
        """All of it to the end of what a word stands for."""
        first, frame = self.sentence(memory)[0], int(memory.states[0, 0, 0])
        ends = [self.end(first + index) - 1 - frame for index in range(tokens_1U.size(1))]
        ends_U = torch.tensor(ends).clamp(0, memory.states.size(1) - 1)
        return torch.nn.functional.one_hot(ends_U, memory.states.size(1)).float()[None]


@pytest.fixture
def system():
    made = random_system("demo", 320)
    encoder = made.network.encoder
    encoder.front_end, encoder.subsampler, encoder.projection = Counting(), None, nn.Linear(1, 1)
    encoder.embed_features = lambda x: x
    encoder.run = lambda sources, *_: [sources[0].embedded]
    encoder.segmenter.forward = lambda x: torch.where((x[:, :, 0] + 1) % SEGMENT == 0, 1.0, -1.0)
    return made


@pytest.mark.parametrize(("policy", "options", "pace", "wordy"), [
    ("wait-segment", f"--lag {LAG}", 102, 95), ("wait-segment", f"--lag {LAG}", 95, 102),
    ("wait-k", f"--wait-k {LAG} --step-ms 1", 95, 102)])
def test_the_distance_to_the_speaker_does_not_grow(system, policy, options, pace, wordy):
    """From what a word says to what it is decided by; from there to where it is written another segment at most."""
    decoder, kind = Knowing(system.vocabulary, pace, wordy), SOON[policy][0]
    system.network.decoder.forward, system.network.decoder.cross_attention = decoder.scores, decoder.attention
    parser = ArgumentParser()
    kind.add_args(parser)
    options = f"--checkpoint none {options} --long-form --sentences model"
    writes = feed(kind(parser.parse_args(options.split()), system), [0.0] * (WORDS * SEGMENT * pace // 100), 1)
    expected = [decoder.whole[word % len(decoder.whole)] for word in range(WORDS * wordy // 100)]
    assert words(writes) == system.vocabulary.decode(expected), "nothing doubled, nothing lost"
    heard = [int(16 * ms) for ms, text in writes for _ in text.split()]
    for word, written_at in enumerate(heard):
        said, saw, written = ((frames - 1) // SEGMENT for frames in (decoder.end(word), decoder.saw[word], written_at))
        assert 0 <= saw - said <= LAG + 2, f"word {word:,}"
        assert 0 <= written - said <= LAG + 3, f"word {word:,}"
