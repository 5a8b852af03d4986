"""Talks: sentence follows sentence, nothing depends on the size of reads, and what is held has a bound."""

import copy

import pytest
import torch
from simuleval.data.segments import SpeechSegment

from mgcm_fairseq.agents.choice import build_agent
from mgcm_fairseq.agents.wait_segment import STEP
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.decoding.bounds import Bounds
from mgcm_fairseq.decoding.rollover import Rollover
from mgcm_fairseq.decoding.segment_writer import SegmentWriter
from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.modules.streaming import speech_stream
from tests.agents.feeding import feed, waveforms_of, words
from tests.agents.policies import SOON, TALKS, build
from tests.short_segments import in_short_segments

SMALL = Bounds(patience=1, pause_ms=0, memory_ms=3_000, pieces=12, words=2)


@pytest.fixture(scope="module")
def talk(tiny_corpus):
    """Six test sentences with half a second of silence between them."""
    silence = [0.0] * 8_000
    return [sample for one in waveforms_of(tiny_corpus)[:6] for sample in [*one, *silence]]


@pytest.fixture(scope="module")
def make(tiny_corpus, tiny_segmenting_checkpoint):
    def agent(policy, bounds=SMALL):
        made = build(policy, f"{SOON[policy][1]} --long-form --sentences model", tiny_segmenting_checkpoint,
                     tiny_corpus)
        made.rollover = Rollover(in_short_segments(made.system), bounds)
        return made

    return agent


@pytest.mark.parametrize("policy", TALKS)
def test_the_text_does_not_depend_on_the_size_of_reads(make, talk, policy):
    agent = make(policy)
    texts = {words(feed(agent, talk, read_ms)) for read_ms in (200, 2_000, 60_000)}
    assert len(texts) == 1
    assert len(texts.pop().split()) > 10, "sentences follow each other"


@pytest.mark.parametrize("policy", TALKS)
def test_what_is_held_has_a_bound(make, talk, policy):
    agent, held = make(policy), []
    for _ in range(3):
        for start in range(0, len(talk), 16_000):
            agent.push(_read(talk[start:start + 16_000]))
            agent.pop()
            states = agent.states
            stream = states.stream if policy == "wait-segment" else states.prefixes and states.prefixes.stream
            if stream is None:
                continue
            held.append((stream.memory.states.size(1), states.source.kept,
                         len(states.writer.pieces if policy == "wait-segment" else states.pieces)))
    agent.reset()
    longest = 3_000 / agent.system.frame_ms + 16_000 / agent.system.network.encoder.frame_samples
    segment = max(_segments(agent, talk))
    for frames, kept, pieces in held:
        assert frames <= longest + 2 * segment
        assert kept <= 16_000
        assert pieces <= SMALL.pieces + 60


@pytest.mark.parametrize(("policy", "options"), [("AlignAtt", "--frames 100000"), ("EDAtt", "--threshold 0"),
                                                 ("wait-segment", "--lag 1000"), ("wait-k", "--wait-k 9")])
def test_what_a_full_memory_holds_is_written_before_it_is_forgotten(tiny_corpus, tiny_segmenting_checkpoint, talk,
                                                                    policy, options):
    agent = build(policy, f"{options} --long-form --sentences model", tiny_segmenting_checkpoint, tiny_corpus)
    agent.rollover = Rollover(in_short_segments(agent.system), SMALL)
    writes = feed(agent, talk, 320)
    assert len(writes) > 1
    assert writes[0][0] < len(talk) / 16 / 2, "it would never write before the end"


@pytest.mark.parametrize("policy", TALKS)
def test_limits_longer_than_the_talk_change_nothing(tiny_corpus, tiny_segmenting_checkpoint, talk, policy):
    """Of a model that never ends a sentence: an agent without limits takes the talk for one. Before the talk's end."""
    seconds, writes = 4, {}
    for limit_s in (None, seconds + 1, seconds / 2):
        options = "" if limit_s is None else "--long-form --sentences model"
        agent = build(policy, f"{SOON[policy][1]} {options}", tiny_segmenting_checkpoint, tiny_corpus)
        system = in_short_segments(agent.system)
        favour_V = torch.tensor([100.0 * (piece[0] == "▁" and len(piece) > 1) for piece in system.vocabulary.pieces])
        system.network.decoder.register_forward_hook(lambda _, inputs, logits, favour_V=favour_V: logits + favour_V)
        if limit_s is not None:
            agent.rollover = Rollover(system, Bounds(pause_ms=0, memory_ms=int(limit_s * 1000)))
            system.network.encoder.front_end.history = int((seconds + 1) * 50)
            system.network.encoder.segmenter.history = int((seconds + 1) * 1000 / system.frame_ms)
        heard = feed(agent, talk[:seconds * 16_000], 200)
        writes[limit_s] = [write for write in heard if write[0] < seconds * 1000]
    assert writes[None]
    assert writes[seconds + 1] == writes[None]
    assert writes[seconds / 2] != writes[None], "or no limit is ever reached"


def _segments(agent, talk):
    stream = speech_stream(agent.system.network.encoder)
    with torch.no_grad():
        stream.extend(torch.tensor(talk), True)
    edges = stream.decided.boundaries[0].nonzero().flatten().tolist()
    return [later - earlier for earlier, later in zip([0, *edges], [*edges, stream.states.size(1)], strict=False)]


def _read(samples):
    return SpeechSegment(content=samples, sample_rate=16_000, finished=False)


@torch.no_grad()
@pytest.mark.parametrize("lag", [1, 2])
def test_a_new_sentence_is_that_of_a_fresh_writer(tiny_corpus, tiny_segmenting_checkpoint, talk, lag):
    system = in_short_segments(load_system(tiny_segmenting_checkpoint, tiny_corpus))
    rollover = Rollover(system, SMALL)
    stream, writer, fresh = speech_stream(system.network.encoder), SegmentWriter(system, lag, rollover), []
    texts: list[list[str]] = []
    size = system.network.encoder.front_end.block or STEP
    for start in range(0, len(talk), size):
        samples, ended = torch.tensor(talk[start:start + size]), start + size >= len(talk)
        before = stream.forgotten_frames
        stream.extend(samples, ended)
        texts.append([writer.write(stream, ended)])
        for own, other, said in fresh:
            own.extend(samples, ended)
            said.append(other.write(own, ended))
        if stream.forgotten_frames > before and not writer.pieces and len(fresh) < 3 and not ended:
            fresh.append((copy.deepcopy(stream), SegmentWriter(system, lag, rollover), []))
    assert len(fresh) == 3
    spoken = [text for [text] in texts]
    for own, _, said in fresh:
        assert said == spoken[len(spoken) - len(said):]
        assert any(said)
        assert own.forgotten_frames == stream.forgotten_frames


@pytest.mark.parametrize("policy", TALKS)
def test_the_decoder_of_a_talk_is_warm_before_the_first_word(tiny_corpus, tiny_segmenting_checkpoint, policy,
                                                             monkeypatch):
    agent = build(policy, f"{SOON[policy][1]} --long-form --sentences model", tiny_segmenting_checkpoint, tiny_corpus)
    decoder, rollover, calls = agent.system.network.decoder, agent.rollover, []
    before = decoder.forward
    monkeypatch.setattr(Rollover, "speaks", lambda *_, **__: False)  # as a model that was trained finds of silence
    monkeypatch.setattr(decoder, "forward", lambda *given, **more: calls.append(1) or before(*given, **more))
    agent.warm_up()
    assert calls
    assert agent.rollover is rollover


def test_only_models_that_can_forget_translate_talks(tiny_corpus, tiny_checkpoint, tiny_segmenting_checkpoint):
    with pytest.raises(InputError, match="--sentences model: expected a model trained with --segmentation-variant"):
        build("wait-k", "--wait-k 1 --long-form --sentences model", tiny_checkpoint, tiny_corpus)
    with pytest.raises(InputError, match="--patience: expected once or more"):
        build("wait-k", "--wait-k 1 --long-form --sentences model --patience 0", tiny_segmenting_checkpoint,
              tiny_corpus)
    with pytest.raises(InputError, match=r"--patience: expected a policy that counts </s>: wait-segment, wait-k"):
        build("AlignAtt", "--frames 2 --long-form --sentences model --patience 3", tiny_segmenting_checkpoint,
              tiny_corpus)
    args = "--wait-k 1 --long-form --sentences model --pause-ms 300"
    build("wait-k", args, tiny_segmenting_checkpoint, tiny_corpus)
    deaf = load_system(tiny_segmenting_checkpoint, tiny_corpus)
    deaf.network.ctc = None
    with pytest.raises(InputError, match="--pause-ms: expected a model trained with CTC, which hears pauses"):
        build_agent("wait-k", 1, ["--long-form", "--sentences", "model", "--pause-ms", "300"],
                    tiny_segmenting_checkpoint, deaf)
    with pytest.raises(InputError, match=r"--long-form: expected waits of less than the 40000 ms .* found 64000 ms"):
        build("wait-k", "--wait-k 200 --long-form --sentences model", tiny_segmenting_checkpoint, tiny_corpus)
    with pytest.raises(InputError, match=r"--long-form: expected waits of less than the 40000 ms .* found 50000 ms"):
        build("AlignAtt", "--frames 2 --step-ms 50000 --long-form --sentences model", tiny_segmenting_checkpoint,
              tiny_corpus)
