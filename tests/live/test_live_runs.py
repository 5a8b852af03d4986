"""The runs that a live server offers: their agents share weights, also those of 8 bits."""

from mgcm_fairseq.live.runs import Runs


def test_streams_of_8_bit_runs_share_one_copy_of_the_weights(runs, tiny_segmenting_checkpoint):
    rounded = Runs(["wait-segment:1,2 --int8", "alignatt:2 --int8"], tiny_segmenting_checkpoint, runs.system)
    networks = {rounded.agent(name).system.network for name in rounded.names * 2}
    assert len(networks) == 1
    assert runs.system.network not in networks


def test_a_talk_is_asked_for_once(runs, tiny_segmenting_checkpoint):
    both = Runs(["wait-k:1 --long-form", "offline:1"], tiny_segmenting_checkpoint, runs.system)
    assert all(both.agent(name).args.long_form for name in both.names)
