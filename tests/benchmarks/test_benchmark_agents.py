"""scripts/benchmarks/agents.py on the demo's network, and that its random weights write as much as they should."""

import itertools
import json
import sys
from pathlib import Path

import pytest
import torch

from mgcm_fairseq.agents.registry import POLICIES
from mgcm_fairseq.benchmarks.agents.measure import count_reads, measure
from mgcm_fairseq.benchmarks.agents.pacing import RATE, Pacing
from mgcm_fairseq.benchmarks.agents.systems import made_up_corpus, random_system
from mgcm_fairseq.benchmarks.agents.table import table
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.evaluation.runs import parse_runs
from tests.fixtures import run

SCRIPT = (sys.executable, "scripts/benchmarks/agents.py")
SECONDS = 4.0


def rows(text, block_ms, seconds=(SECONDS,), read_ms=320, rounds=1, progress=lambda: None):
    """Of an agent over the demo's network, by a clock that every reading puts forward by a second."""
    system = random_system("demo", block_ms)
    [one] = parse_runs([text])
    agent = one.agent(Path("random weights"), system)
    return list(measure(agent, Pacing(system), seconds, read_ms, rounds, itertools.count().__next__, progress))


def test_a_run_has_a_row_for_every_policy_and_length(tmp_path):
    path = tmp_path / "b.json"
    done = run(*SCRIPT, "--seconds", "0.5,1", "--rounds", 1, "--clock", "cpu", "--out", path)
    results = json.loads(path.read_text())
    names = [f"{policy}-{point}" for policy, point in zip(POLICIES, ("3", "3", "320", "4", "0.2", "1"), strict=True)]
    assert [(row["agent"], row["seconds"]) for row in results["agents"]] == list(itertools.product(names, (0.5, 1.0)))
    assert all(row["rtf"] > 0 <= row["median_read_ms"] <= row["worst_read_ms"] for row in results["agents"])
    assert results["environment"]["torch"] == torch.__version__
    assert (results["environment"]["threads"], results["environment"]["front_end_block_ms"]) == (1, 640)
    assert done.stdout == table(results["agents"])
    assert "demo, offline-1" in done.stderr


@pytest.mark.parametrize(("text", "block_ms"), [
    ("wait-segment:3", 640), ("wait-segment:3", 0), ("local-agreement:320", 640), ("alignatt:4", 0),
    ("alignatt:4 --beam 3", 640), ("edatt:0.2", 640), ("offline:1", 0), ("wait-k:5", 640),
])
def test_an_agent_writes_the_words_of_the_audio(text, block_ms):
    [row] = rows(text, block_ms)
    assert row["words"] == pytest.approx(RATE * SECONDS, abs=1)  # as many frames as fit into the audio
    assert row["decoder_passes"] >= row["words"]


@pytest.mark.parametrize("block_ms", [640, 0])
def test_segments_close_at_the_rate_of_words(block_ms):
    system = random_system("demo", block_ms)
    [one] = parse_runs(["wait-segment:1000"])
    agent = one.agent(Path("random weights"), system)
    states, pacing = agent.states, Pacing(system)
    seen = []
    list(measure(agent, pacing, [SECONDS], 320, 1, itertools.count().__next__,
                 lambda: seen.append(states.stream.decided.boundaries[0].nonzero().flatten().tolist())))
    assert seen[-1] == list(range(4, seen[-1][-1] + 1, 5))  # 80 ms each
    assert len(seen[-1]) == pytest.approx(RATE * SECONDS, abs=1)


def test_rows_count_reads_and_take_medians():
    told = []
    found = rows("wait-k:2", 640, (1.0, 2.0), 200, 3, lambda: told.append(1))
    assert len(told) == count_reads([1.0, 2.0], 200, 3) == 45
    for row, seconds, reads in zip(found, (1, 2), (5, 10), strict=True):
        assert (row["reads"], row["rtf"]) == (reads, reads / seconds)  # each read takes a tick
        assert (row["median_read_ms"], row["worst_read_ms"]) == (1000, 1000)


def test_a_vocabulary_of_the_papers_size():
    vocabulary = made_up_corpus(CorpusConfig("en", "de", 16_000, "spm.txt", "spm.model"), 10_000).vocabulary()
    assert 9_000 < len(vocabulary) <= 10_000


@pytest.mark.parametrize(("options", "message"), [
    (("--size", "all"), "expected some of demo, paper, found 'all'"),
    (("--seconds", "5,x"), "expected seconds from 0.1 to 3600, found 'x'"),
    (("--run", "wait-k:0"), "--wait-k: expected k of at least 1"),
])
def test_errors_say_what_was_expected(options, message, refused):
    status, said = refused("benchmarks/agents", *options)
    assert status == 2
    assert message in said
