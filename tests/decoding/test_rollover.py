"""What a talk forgets where a bound is reached: nothing behind what the last word that is kept looks at."""

from types import SimpleNamespace

import pytest
import torch

from mgcm_fairseq.decoding.bounds import Bounds
from mgcm_fairseq.decoding.looking import attention
from mgcm_fairseq.decoding.rollover import Rollover, most_attended
from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.modules.streaming import speech_stream
from tests.agents.feeding import waveforms_of
from tests.short_segments import in_short_segments


@pytest.fixture(scope="module")
def system(tiny_corpus, tiny_segmenting_checkpoint):
    return in_short_segments(load_system(tiny_segmenting_checkpoint, tiny_corpus))


@pytest.fixture
def stream(system, tiny_corpus):
    made = speech_stream(system.network.encoder)
    with torch.no_grad():
        made.extend(torch.tensor([sample for one in waveforms_of(tiny_corpus)[:3] for sample in one]), True)
    return made


def looks_at(system, stream, most=torch.argmax):
    """A piece for each frame that some piece of the vocabulary attends to most."""
    pieces = range(4, len(system.vocabulary))
    rollover = Rollover(system, Bounds())
    return {int(most(attention(system, [], [piece], stream.memory, rollover.layer)[0])): piece for piece in pieces}


@pytest.mark.parametrize(("row", "frame"), [
    ([0.5, 0.1, 0.2, 0.1, 0.1], 2), ([0.1, 0.1, 0.2, 0.1, 0.5], 2), ([0.1, 0.6, 0.3], 1), ([0.2, 0.8], 1), ([1.0], 0)])
def test_attention_that_gathers_on_the_first_and_last_frame_is_left_out(row, frame):
    assert most_attended(torch.tensor(row)) == frame


@torch.no_grad()
def test_a_word_that_attends_to_the_last_frame_keeps_no_speech_from_being_translated(system, stream, monkeypatch):
    """What is kept would else seem to reach to the end, and all before it would be forgotten."""
    frames = stream.memory.states.size(1)
    row = torch.zeros(1, frames)
    row[0, 10], row[0, -1] = 0.3, 0.7
    monkeypatch.setattr("mgcm_fairseq.decoding.rollover.attention", lambda *_: row)
    rollover = Rollover(system, Bounds(memory_ms=int(2 * frames * system.frame_ms)))
    assert rollover.forget_all_but(stream, [], [5], stream.memory)
    assert stream.forgotten_frames <= 10


@torch.no_grad()
def test_speech_behind_the_last_word_is_not_forgotten(system, stream):
    frames = stream.memory.states.size(1)
    [*_, (frame, piece)] = sorted(looks_at(system, stream, most_attended).items())
    late = Rollover(system, Bounds(memory_ms=int(2 * (frames - frame + 40) * system.frame_ms)))
    early = Rollover(system, Bounds(memory_ms=int(2 * system.frame_ms)))
    assert frame < frames - 2, "or nothing lies behind it"
    assert not early.forget_all_but(stream, [], [piece], stream.memory)
    assert stream.forgotten_frames == 0
    assert not early.forget_all_but(stream, [], [], stream.memory), "of nothing that is written nothing is known"
    assert late.forget_all_but(stream, [], [piece], stream.memory)
    assert stream.forgotten_frames <= frame


@torch.no_grad()
def test_a_sentence_is_forgotten_with_the_segment_that_its_last_piece_looks_at(system, stream):
    edges = stream.decided.boundaries[0].tolist()
    frame, piece = min(looks_at(system, stream).items())
    assert Rollover(system, Bounds()).forget_sentence(stream, [piece], [len(edges)], stream.memory)
    ends = [index + 1 for index, edge in enumerate(edges) if edge and index >= frame]
    assert stream.forgotten_frames == (ends or [len(edges)])[0]
    before = stream.forgotten_frames
    if stream.memory.states.size(1):
        assert Rollover(system, Bounds()).forget_sentence(stream, [], [], stream.memory)
        later = [index + 1 for index, edge in enumerate(edges) if edge and index >= before]
        assert stream.forgotten_frames == (later or [len(edges)])[0]


@torch.no_grad()
def test_the_rest_of_a_talk_is_a_sentence_after_another_until_all_is_forgotten(system, stream):
    """Sentences of no words each take the first segment with them; one with words all that they look at."""
    sentence, found = SimpleNamespace(pieces=[], seen=[]), []
    for memory in Rollover(system, Bounds(pause_ms=0)).rest(stream, sentence):
        found.append(memory.states.size(1))
        assert not sentence.pieces
        if len(found) == 2:
            frame, piece = max(looks_at(system, stream).items())
            before = stream.forgotten_frames + frame
            sentence.pieces, sentence.seen = [piece], [stream.forgotten_frames + found[-1]]
        if len(found) == 3:
            assert stream.forgotten_frames > before
    assert len(found) > 2
    assert found == sorted(set(found), reverse=True)
    assert stream.memory.states.size(1) == 0
