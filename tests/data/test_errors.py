"""The error of every reader of user files."""

import pickle

from mgcm_fairseq.data.errors import InputError


def test_message_names_place_expectation_finding_and_remedy():
    error = InputError(("a.tsv", 3), "two fields", "one", "Add one.")
    assert str(error) == "a.tsv:3: expected two fields, found one. Add one."


def test_it_comes_back_from_another_process():
    error = InputError("a.tsv", "two fields", "one", "Add one.")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
