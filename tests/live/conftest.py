"""What the tests of the live server share: runs of the tiny model, recordings, and their text."""

import numpy as np
import pytest

pytest.importorskip("websockets", reason="needs the extra `live`")
pytest.importorskip("soxr", reason="needs the extra `live`")

from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.evaluation.listening import listen
from mgcm_fairseq.live.runs import Runs
from tests.agents.feeding import waveforms_of

RUNS = ("wait-segment:1", "wait-k:1", "alignatt:2", "edatt:0.5", "local-agreement:320", "offline:1")


@pytest.fixture(scope="session")
def runs(tiny_corpus, tiny_segmenting_checkpoint):
    return Runs(RUNS, tiny_segmenting_checkpoint, load_system(tiny_segmenting_checkpoint, tiny_corpus))


@pytest.fixture(scope="session")
def talk(tiny_corpus):
    """Three test sentences with half a second of silence behind each, as bytes of int16."""
    return b"".join(as_pcm(one) + bytes(16_000) for one in waveforms_of(tiny_corpus)[:3])


@pytest.fixture(scope="session")
def other_talk(tiny_corpus):
    return b"".join(as_pcm(one) + bytes(16_000) for one in waveforms_of(tiny_corpus)[3:6])


@pytest.fixture(scope="session")
def expected(runs):
    """The text of a run for a recording, as agents write it without a server."""
    def listened(run, pcm):
        agent = runs.agent(run)
        samples_N = np.frombuffer(pcm, "<i2").astype(np.float32) / 2**15
        return agent.system.writing.joined(words for _, words in listen(agent, samples_N, 320))

    return listened


def as_pcm(samples):
    return (np.array(samples) * 2**15).round().astype("<i2").tobytes()
