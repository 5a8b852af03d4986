"""The text of an agent is the same however its audio is cut into reads; a word leaves with the read that makes it due.
"""

import random
from argparse import ArgumentParser
from itertools import chain, pairwise

import pytest
import torch
from simuleval.data.segments import SpeechSegment

from mgcm_fairseq.benchmarks.agents.systems import random_system
from mgcm_fairseq.decoding.continuation import MAX_PIECES
from mgcm_fairseq.decoding.system import load_system
from tests.agents.feeding import waveforms_of
from tests.agents.policies import SOON

OPTIONS = {policy: options for policy, (_, options) in SOON.items()} | {
    "EDAtt, beam 3": "--threshold 0.5 --beam 3", "local agreement, of 3": "--step-ms 200 --agreeing 3",
    "offline, beam 3": "--beam 3"}
FINEST = 160  # samples: divides every step and block here, so that reads of it show when each word is due


@pytest.fixture(scope="module")
def waveforms(tiny_corpus):
    return waveforms_of(tiny_corpus)


@pytest.fixture(scope="module")
def systems(tiny_corpus, tiny_checkpoint, tiny_segmenting_checkpoint):
    """Models by what they are: one puts marks behind words it has written, one never ends a sentence."""
    marking, endless = (load_system(tiny_segmenting_checkpoint, tiny_corpus) for _ in range(2))
    full_stop = marking.vocabulary.pieces.index(".")

    def favour(decoder, inputs, logits_BUV):
        if inputs[0].size(1) > 1:  # the first piece behind a prefix
            logits_BUV[:, -1, full_stop] += 100

    marking.network.decoder.register_forward_hook(favour)
    with torch.no_grad():
        endless.network.decoder.output.weight[endless.vocabulary.eos] = 0.0
    return {"fond of marks": marking, "that runs on": endless,
            "that hears all at once": load_system(tiny_checkpoint, tiny_corpus), "untrained": random_system("demo", 0)}


def agent_of(policy, system):
    kind, _ = SOON[policy if policy in SOON else policy.split(",")[0]]
    parser = ArgumentParser()
    kind.add_args(parser)
    return kind(parser.parse_args(["--checkpoint", "none", *OPTIONS[policy].split()]), system)


def hear(agent, samples, ends):
    """(samples heard, text) of every write, for reads that end at `ends`."""
    writes = []
    for begin, end in pairwise([0, *ends]):
        finished = end == len(samples)
        output = agent.pushpop(SpeechSegment(content=samples[begin:end], sample_rate=16_000, finished=finished))
        assert output.finished == finished
        if output.content:
            writes.append((end, output.content))
    agent.reset()
    return writes


def every(size, samples):
    return [*range(size, len(samples), size), len(samples)]


def at_random(chosen, samples):
    """Ends of reads of all sizes, from a sample to all that is left."""
    ends = [0]
    while ends[-1] < len(samples):
        size = chosen.choice([chosen.randint(1, 700), chosen.randint(1, 9_000), chosen.randint(1, 60_000)])
        ends.append(min(ends[-1] + size, len(samples)))
    return ends[1:]


def check(agent, samples, several_ends):
    separator = agent.system.writing.separator
    due = hear(agent, samples, every(FINEST, samples))
    for ends in several_ends:
        expected = {}
        for sample, text in due:
            expected.setdefault(min(end for end in ends if end >= sample), []).append(text)
        assert hear(agent, samples, ends) == [(end, separator.join(texts)) for end, texts in expected.items()]
    return due


@pytest.mark.parametrize("model", ["fond of marks", "that hears all at once", "untrained"])
@pytest.mark.parametrize("policy", OPTIONS)
def test_the_text_is_the_same_for_any_reads(systems, waveforms, policy, model):
    if policy == "wait-segment" and model == "that hears all at once":
        pytest.skip("it does not segment")
    agent, chosen = agent_of(policy, systems[model]), random.Random(0)
    for samples in waveforms[:2] if model != "untrained" else [waveforms[0][:12_000]]:
        check(agent, samples, [[len(samples)], every(16_000, samples), at_random(chosen, samples)])


@pytest.mark.parametrize("policy", ["wait-segment", "wait-k"])
def test_a_model_that_runs_on_hears_all_of_the_audio(systems, waveforms, policy):
    """It may write as many pieces as there are frames, and no more; what it has heard so far is not the end."""
    samples = list(chain(*waveforms, *waveforms))[:18 * 16_000]
    agent, counts = agent_of(policy, systems["that runs on"]), []

    def reset(states=agent.states, reset=agent.reset):
        counts.append(len(states.writer.pieces if policy == "wait-segment" else states.pieces))
        reset()

    agent.reset = reset
    due = check(agent, samples, [[len(samples)], at_random(random.Random(1), samples)])
    assert due[-1][0] == len(samples)
    assert MAX_PIECES < counts[0] <= 18_000 // 80
    assert len(set(counts)) == 1


def test_without_blocks_all_is_encoded_again_every_320_ms(systems, waveforms):
    agent, editions = agent_of("wait-segment", systems["untrained"]), []
    agent.reset = lambda reset=agent.reset: (editions.append(agent.states.stream.edition), reset())
    samples = waveforms[0][:12_000]
    for size in (FINEST, 4_000, len(samples)):
        hear(agent, samples, every(size, samples))
    assert editions == [3, 3, 3], "at 320 and 640 ms, and at the end"


def test_marks_behind_a_written_word_stand_alone(systems, waveforms):
    agent = agent_of("AlignAtt", systems["fond of marks"])
    [(_, text)] = hear(agent, waveforms[0], [len(waveforms[0])])
    assert "." in text.split()
