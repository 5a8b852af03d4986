"""What a hypothesis of a talk forgets: edges of segments and last words, against loops."""

import pytest
import torch

from mgcm_fairseq.core.history import edge_before, edge_behind, last_words

EDGES = [False, True, False, False, True, True, False, False]


@pytest.mark.parametrize("frame", range(len(EDGES)))
def test_the_segment_of_a_frame_lies_between_its_edges(frame):
    ends = [index + 1 for index, edge in enumerate(EDGES) if edge]
    assert edge_behind(torch.tensor(EDGES), frame) == min([end for end in ends if end > frame], default=len(EDGES))
    assert edge_before(torch.tensor(EDGES), frame) == max([end for end in ends if end <= frame], default=0)


@pytest.mark.parametrize(("starts", "words", "expected"), [
    ("100101", 1, 1), ("100101", 2, 3), ("100101", 3, 6), ("100101", 4, 6), ("001", 2, 3), ("", 3, 0)])
def test_the_last_words(starts, words, expected):
    assert last_words([start == "1" for start in starts], words) == expected
