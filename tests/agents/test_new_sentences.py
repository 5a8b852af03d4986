"""Behind a sentence of a talk an agent writes what one that begins there does, with the words and the speech kept."""

import pytest
import torch
from simuleval.data.segments import SpeechSegment

from mgcm_fairseq.decoding.bounds import Bounds
from mgcm_fairseq.decoding.prefixes import Prefixes
from mgcm_fairseq.decoding.rollover import Rollover
from mgcm_fairseq.decoding.segment_writer import SegmentWriter
from mgcm_fairseq.modules.streaming import speech_stream
from tests.agents.feeding import waveforms_of
from tests.agents.policies import SOON, TALKS, build
from tests.short_segments import in_short_segments

READ = 5_120  # samples: a block of the front end, and a step of each policy
OPTIONS = {policy: options for policy, (_, options) in SOON.items()} | {
    "wait-segment": "--lag 3", "wait-k": "--wait-k 3"}  # lest they write before they are asked
SMALL = Bounds(patience=2, pause_ms=0, memory_ms=3_000, pieces=12, words=2)


@pytest.fixture(scope="module")
def talk(tiny_corpus):
    """Three test sentences with half a second of silence between them."""
    return [sample for one in waveforms_of(tiny_corpus)[:3] for sample in [*one, *[0.0] * 8_000]]


def hypothesis(states):
    written = states.writer if hasattr(states, "writer") else states
    return written.pieces if written else []


def forgotten(states):
    stream = states.stream if hasattr(states, "writer") else states.prefixes and states.prefixes.stream
    return stream.forgotten_frames if stream else 0


@torch.inference_mode()
def beginning(agent, talk):
    """New states with the words that the agent has kept, and a stream of their own that has forgotten as much."""
    old, states = agent.states, agent.build_states()
    heard = old.heard if hasattr(old, "writer") else old.prefixes.heard
    stream = speech_stream(agent.system.network.encoder)
    for samples in torch.tensor(talk[:heard]).split(READ):
        stream.extend(samples, False)
    stream.forget(forgotten(old))
    states.source += talk[:len(old.source)]
    states.source.drop(heard)
    if hasattr(old, "heard"):
        states.heard = heard
    if hasattr(old, "writer"):
        states.stream, states.writer = stream, SegmentWriter(agent.system, agent.lag, agent.rollover)
        return states
    states.prefixes = Prefixes(agent.system)
    states.prefixes.stream, states.prefixes.heard = stream, heard
    states.pieces, states.seen = list(old.pieces), list(old.seen)
    states.earlier = list(getattr(old, "earlier", []))  # of local agreement, behind the words that are gone
    assert all(old.pieces and one[:len(old.pieces)] == old.pieces for one in states.earlier)
    return states


@pytest.mark.parametrize("runs_on", [False, True])
@pytest.mark.parametrize("policy", TALKS)
def test_what_follows_is_what_a_new_agent_writes(tiny_corpus, tiny_segmenting_checkpoint, talk, policy, runs_on):
    """A model that never ends a sentence reaches the limits; policies that translate again keep words there."""
    agent = build(policy, f"{OPTIONS[policy]} --long-form --sentences model", tiny_segmenting_checkpoint, tiny_corpus)
    agent.rollover = Rollover(in_short_segments(agent.system), SMALL)
    if runs_on:
        torch.nn.init.zeros_(agent.system.network.decoder.output.weight[agent.system.vocabulary.eos])
    begun: dict[bool, list] = {True: [], False: []}  # by whether words were kept
    written = 0
    for start in range(0, len(talk), READ):
        read = SpeechSegment(content=talk[start:start + READ], sample_rate=16_000, finished=start + READ >= len(talk))
        before, pieces = forgotten(agent.states), len(hypothesis(agent.states))
        text = agent.pushpop(read).content
        for states in [*begun[True], *begun[False]]:
            assert agent.pushpop(read, states).content == text
            assert hypothesis(states) == hypothesis(agent.states)
            assert forgotten(states) == forgotten(agent.states)
            written += bool(text)
        kept = hypothesis(agent.states)
        over = not read.finished and (forgotten(agent.states) > before or len(kept) < pieces)
        if over and len(begun[bool(kept)]) < 2 and not (kept and policy.startswith("wait")):
            begun[bool(kept)].append(beginning(agent, talk))
    assert begun[False]
    assert begun[True] or not runs_on or policy.startswith("wait")
    assert written > 5
