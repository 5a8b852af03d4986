"""Agents of a model whose speech CTC shrinks: those that encode again work and count frames, the others refuse."""

from dataclasses import replace

import pytest
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.decoding.looking import attention
from mgcm_fairseq.decoding.system import load_system
from tests.agents.feeding import feed, waveforms_of, words
from tests.agents.policies import SOON, build
from tests.training.here import train_here


@pytest.fixture(scope="module")
def checkpoint(tiny_corpus, tmp_path_factory):
    """Its random weights write more than a few updates would."""
    return train_here(tiny_corpus, tmp_path_factory.mktemp("shrunk"), 1, "--ctc", "--shrink", "ctc", "--shrink-from",
                      "0", "--local-kernels", "3,2", "--disable-validation", "--lr", "1e-9")


@pytest.mark.parametrize("policy", [policy for policy in SOON if policy != "wait-segment"])
def test_the_words_do_not_depend_on_the_read_size(tiny_corpus, checkpoint, policy):
    agent = build(policy, SOON[policy][1], checkpoint, tiny_corpus)
    assert agent.system.phase.shrunk
    samples = waveforms_of(tiny_corpus)[0]
    texts = {words(feed(agent, samples, read_ms)) for read_ms in (320, 777, 10_000)}
    assert len(texts) == 1
    assert texts != {""}


@pytest.mark.parametrize(("policy", "options", "message"), [
    ("wait-segment", "--lag 1", "for wait-segment, .* a model without --shrink"),
    ("wait-k", "--wait-k 1 --long-form --sentences model", "--sentences model: expected a model trained with"),
    ("AlignAtt", "--frames 2 --long-form --sentences model", "--sentences model: expected a model trained with"),
])
def test_what_keeps_states_is_refused_by_name(tiny_corpus, checkpoint, policy, options, message):
    with pytest.raises(InputError, match=message):
        build(policy, options, checkpoint, tiny_corpus)


def test_a_talk_is_cut_at_its_pauses(tiny_corpus, checkpoint):
    talk = [sample for one in waveforms_of(tiny_corpus)[:2] for sample in [*one, *[0.0] * 16_000]]
    assert words(feed(build("wait-k", "--wait-k 1 --long-form", checkpoint, tiny_corpus), talk, 1_000))


def test_attention_is_to_frames(tiny_corpus, checkpoint):
    system = load_system(checkpoint, tiny_corpus)
    with torch.no_grad():
        system.network.ctc.piece_bias[::2] += 3.0  # so that it hears something
    samples = torch.tensor(waveforms_of(tiny_corpus)[0])
    memory = system.encode(samples)
    frames = replace(system, phase=replace(system.phase, shrunk=False)).encode(samples).states.size(1)
    assert memory.frames == frames > memory.states.size(1)
    found = attention(system, [], [20, 21], memory, 0)
    assert found.shape == (2, frames)
    torch.testing.assert_close(found.sum(1), torch.ones(2))
    assert found.gt(0).sum(1).tolist() == [memory.states.size(1)] * 2
