"""Hypotheses of fairseq-generate come in manifest order, one for each utterance, or not at all."""

import pytest

from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.evaluation.offline import read_hypotheses


def test_manifest_order(write_generated):
    path = write_generated({2: "drei Äpfel", 0: "eins", 1: "zwei"})
    assert read_hypotheses(path, 3) == ["eins", "zwei", "drei Äpfel"]


def test_empty_hypothesis_and_odd_line_separators_are_kept(write_generated):
    assert read_hypotheses(write_generated({0: "", 1: "a\u2028b\rc"}), 2) == ["", "a\u2028b\rc"]


def test_dropped_remainder_of_a_batch(write_generated):
    with pytest.raises(InputError, match=r"each of 4 utterances, found 1 missing \[3\].*batch-size-multiple 1"):
        read_hypotheses(write_generated({0: "a", 1: "b", 2: "c"}), 4)


def test_two_hypotheses_for_one_utterance(write_generated):
    path = write_generated({0: "a", 1: "b"})
    with path.open("a") as out:
        out.write("D-1\t-0.5\tc\n")
    with pytest.raises(InputError, match=r"txt:11: expected one hypothesis for each utterance, found D-1 again"):
        read_hypotheses(path, 2)


def test_more_than_the_manifest_holds(write_generated):
    with pytest.raises(InputError, match="expected sample ids below 1, the rows of the manifest, found D-1"):
        read_hypotheses(write_generated({0: "a", 1: "b"}), 1)


def test_pieces_in_place_of_words(write_generated):
    with pytest.raises(InputError, match="expected words, found pieces: '▁Haus'"):
        read_hypotheses(write_generated({0: "▁Haus"}), 1)


def test_no_such_file(tmp_path):
    with pytest.raises(InputError, match="results of fairseq-generate, found no such file"):
        read_hypotheses(tmp_path / "generate-dev.txt", 1)
