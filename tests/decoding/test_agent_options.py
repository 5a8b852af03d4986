"""Whether a user has given an option, by its whole name, and its value."""

import pytest

from mgcm_fairseq.decoding.agent_options import is_given, value_of


@pytest.mark.parametrize(("words", "given"), [
    (["--step-ms", "320"], True), (["--step-ms=320"], True), (["--beam", "2", "--step-ms=3"], True),
    ([], False), (["--step", "320"], False), (["--step-ms-more=3"], False), (["3=--step-ms"], False),
])
def test_an_option_is_given_by_its_whole_name(words, given):
    assert is_given("--step-ms", words) == given


@pytest.mark.parametrize(("words", "value"), [
    (["--step-ms", "320"], "320"), (["--step-ms=320"], "320"), (["--step-ms=3", "--step-ms", "4"], "4"),
    ([], None), (["--step-ms"], None), (["--step", "320"], None), (["--step-ms="], ""),
])
def test_its_value_is_what_the_last_one_says(words, value):
    assert value_of("--step-ms", words) == value
