"""The runs that a live server offers: their agents share weights, also those of 8 bits."""

from mgcm_fairseq.agents.base import SystemAgent
from mgcm_fairseq.live.runs import Runs


def test_streams_of_8_bit_runs_share_one_copy_of_the_weights(runs, tiny_segmenting_checkpoint):
    rounded = Runs(["wait-segment:1,2 --int8", "alignatt:2 --int8"], tiny_segmenting_checkpoint, runs.system)
    networks = {rounded.agent(name).system.network for name in rounded.names * 2}
    assert len(networks) == 1
    assert runs.system.network not in networks


def test_a_talk_is_asked_for_once(runs, tiny_segmenting_checkpoint):
    both = Runs(["wait-k:1 --long-form", "offline:1"], tiny_segmenting_checkpoint, runs.system)
    assert all(both.agent(name).args.long_form for name in both.names)


def test_what_a_model_lacks_for_talks_is_said_where_it_ends_the_sentences(runs, tiny_segmenting_checkpoint):
    said = [Runs(texts, tiny_segmenting_checkpoint, runs.system).said() for texts in (
        ["wait-k:1,2 --sentences model", "alignatt:2 --sentences model"], ["wait-k:1 --sentences pauses"])]
    assert [len(one) for one in said] == [1, 0]
    assert said[0][0].startswith("The model was trained on single sentences, and may write nonsense behind the first")
    assert "In a long talk each second costs more than the one before: train with " in said[0][0]


def test_agents_are_warm_before_anybody_speaks(runs, tiny_segmenting_checkpoint, monkeypatch):
    warmed = []
    monkeypatch.setattr(SystemAgent, "warm_up", lambda agent: warmed.append(agent.args.wait_k))
    Runs(["wait-k:1,3"], tiny_segmenting_checkpoint, runs.system)
    assert warmed == [1, 3]
