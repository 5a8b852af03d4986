"""Whether a user has given an option, and which agents have one: names are whole names."""

import pytest

from mgcm_fairseq.agents.registry import has_option
from mgcm_fairseq.decoding.agent_options import is_given


@pytest.mark.parametrize(("words", "given"), [
    (["--step-ms", "320"], True), (["--step-ms=320"], True), (["--beam", "2", "--step-ms=3"], True),
    ([], False), (["--step", "320"], False), (["--step-ms-more=3"], False), (["3=--step-ms"], False),
])
def test_an_option_is_given_by_its_whole_name(words, given):
    assert is_given("--step-ms", words) == given


def test_an_agent_has_an_option_by_its_whole_name():
    assert has_option("wait-k", "--step-ms")
    assert not has_option("wait-k", "--step"), "a part of --step-ms"
    assert not has_option("wait-segment", "--beam")
