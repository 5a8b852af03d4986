"""What CTC hears nothing in: it ends a sentence, is not translated, and is forgotten."""

import pytest
import torch
from simuleval.data.segments import SpeechSegment
from torch import nn

from mgcm_fairseq.decoding.bounds import Bounds
from mgcm_fairseq.decoding.rollover import Rollover
from mgcm_fairseq.modules.ctc import CTCHeads
from mgcm_fairseq.modules.ear import ONSET
from mgcm_fairseq.modules.streaming import speech_stream
from tests.agents.feeding import feed, waveforms_of, words
from tests.agents.policies import NEVER, SOON, TALKS, build

SILENCE = [0.0] * 8 * 16_000
LONGEST = 6  # frames of a segment


@pytest.fixture(scope="module")
def speech(tiny_corpus):
    return [sample for one in waveforms_of(tiny_corpus)[:3] for sample in one]


@pytest.fixture(scope="module")
def make(tiny_corpus, tiny_segmenting_checkpoint):
    def agent(policy, options, hears):
        """With segments that end in silence, too, and CTC heads that `hears` sets."""
        made = build(policy, f"{options} --long-form --sentences model", tiny_segmenting_checkpoint, tiny_corpus)
        network = made.system.network
        network.encoder.segmenter.longest = LONGEST
        network.ctc = CTCHeads(network.encoder.front_end.dim, nn.Embedding.from_pretrained(
            torch.zeros_like(network.encoder.embedding.weight)))
        with torch.no_grad():
            hears(network, made.system.vocabulary)
        made.rollover = Rollover(made.system, Bounds(patience=1))
        return made

    return agent


def nothing(network, vocabulary):
    network.ctc.piece_bias[vocabulary.bos] = 1


def speech_alone(network, vocabulary):
    """A letter where embedded speech is nearer to that of noise than to that of silence: a regression finds it."""
    noise = 0.1 * torch.randn(64_000, generator=torch.Generator().manual_seed(1))
    quiet, loud = (network.encoder.embed_utterance(samples)[0].value[0] for samples in (torch.zeros(64_000), noise))
    known = torch.cat([torch.cat([quiet, loud]), torch.ones(len(quiet) + len(loud), 1)], 1).double()
    wanted = torch.cat([-torch.ones(len(quiet), 1), torch.ones(len(loud), 1)]).double()
    ridge = torch.eye(known.size(1)).double()  # or rounding would choose among as many solutions
    *direction, bias = torch.linalg.solve(known.T @ known + ridge, known.T @ wanted)[:, 0].float()
    letter = vocabulary.spoken.index(True)
    network.ctc.embedding.weight[letter], network.ctc.piece_bias[letter] = torch.stack(direction), bias


@pytest.mark.parametrize("policy", TALKS)
def test_what_ctc_hears_nothing_in_is_not_translated_and_not_held(make, speech, policy):
    agent, held = make(policy, SOON[policy][1], nothing), []
    for start in range(0, len(speech + SILENCE), 16_000):
        content = (speech + SILENCE)[start:start + 16_000]
        output = agent.pushpop(SpeechSegment(content=content, sample_rate=16_000, finished=False))
        assert not output.content
        states = agent.states
        stream = states.stream if policy == "wait-segment" else states.prefixes and states.prefixes.stream
        held.append(0 if stream is None else stream.memory.states.size(1))
    assert max(held) <= 2 * LONGEST
    output = agent.pushpop(SpeechSegment(content=[], sample_rate=16_000, finished=True))
    assert not output.content
    assert output.finished


@pytest.mark.parametrize(("policy", "options"), [
    ("wait-segment", NEVER["wait-segment"]), ("wait-k", "--wait-k 22"), ("AlignAtt", NEVER["AlignAtt"])])
def test_a_sentence_is_over_in_a_pause(make, speech, policy, options):
    agent = make(policy, options, speech_alone)
    longest = LONGEST * agent.system.frame_ms
    writes = feed(agent, speech + SILENCE + speech, 320)
    pause = len(speech) / 16
    in_pause = [ms for ms, _ in writes if pause <= ms <= pause + len(SILENCE) / 16]
    assert in_pause, "a sentence is written in the pause behind it"
    assert min(in_pause) <= pause + 2_000 + 4 * longest
    assert writes[-1][0] > pause + len(SILENCE) / 16, "speech goes on behind it"


@pytest.mark.parametrize("policy", ["wait-segment", "EDAtt"])
def test_a_pause_of_0_ms_asks_ctc_for_nothing(make, speech, policy):
    deaf = make(policy, SOON[policy][1], nothing)
    deaf.rollover = Rollover(deaf.system, Bounds(patience=1, pause_ms=0))
    untrained = make(policy, SOON[policy][1], lambda network, vocabulary: None)
    texts = {words(feed(agent, speech, 320)) for agent in (deaf, untrained)}
    assert len(texts) == 1
    assert texts.pop()


@pytest.mark.parametrize("policy", ["wait-segment", "wait-k", "local agreement"])
def test_the_text_does_not_depend_on_the_size_of_reads_with_pauses(make, speech, policy):
    agent = make(policy, SOON[policy][1], speech_alone)
    texts = {words(feed(agent, [*SILENCE, *speech, *SILENCE, *speech], read_ms)) for read_ms in (250, 3_000)}
    assert len(texts) == 1
    assert texts.pop()


@torch.no_grad()
def test_wait_k_counts_its_lag_from_the_first_thing_said(make, speech):
    agent, lag = make("wait-k", "--wait-k 4", speech_alone), 4 * 320
    stream = speech_stream(agent.system.network.encoder, agent.rollover.ear())
    stream.extend(torch.tensor(SILENCE + speech), True)
    said = int((stream.signs[0] == ONSET).nonzero()[0]) * agent.system.frame_ms
    assert said > 4_000
    first, _ = feed(agent, SILENCE + speech, 320)[0]
    assert said + lag <= first <= said + lag + 320


@pytest.mark.parametrize("policy", ["AlignAtt", "wait-k"])
def test_at_the_end_a_sentence_at_its_limit_keeps_its_last_word(make, speech, policy):
    agent = make(policy, NEVER["AlignAtt"] if policy == "AlignAtt" else "--wait-k 100", nothing)
    agent.rollover = Rollover(agent.system, Bounds(patience=1, pause_ms=0, pieces=1))
    assert words(feed(agent, speech, 320))
