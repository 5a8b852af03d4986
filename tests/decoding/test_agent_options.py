"""Whether a user has given an option: its name is a whole name."""

import pytest

from mgcm_fairseq.decoding.agent_options import is_given


@pytest.mark.parametrize(("words", "given"), [
    (["--step-ms", "320"], True), (["--step-ms=320"], True), (["--beam", "2", "--step-ms=3"], True),
    ([], False), (["--step", "320"], False), (["--step-ms-more=3"], False), (["3=--step-ms"], False),
])
def test_an_option_is_given_by_its_whole_name(words, given):
    assert is_given("--step-ms", words) == given
