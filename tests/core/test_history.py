"""What a hypothesis of a talk forgets: edges of segments and last words, against loops."""

import pytest
import torch

from mgcm_fairseq.core.history import edge_before, edge_behind, last_words, silence_before, silence_behind

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


@pytest.mark.parametrize(("said", "before", "behind"), [
    ("........", 6, 0), ("x.......", 0, 6), (".......x", 5, 0), ("..x.....", 0, 3), ("....x...", 0, 3),
    (".....x..", 2, 2), ("x......x", 0, 0)])
def test_silence_before_and_behind_what_is_said_in_whole_segments(said, before, behind):
    """Segments of 2, 3, 1 and 2 frames; the last silent one at the beginning stays."""
    edges_T, said_T = torch.tensor(EDGES), torch.tensor([char == "x" for char in said])
    assert silence_before(edges_T, said_T) == before
    assert silence_behind(edges_T, said_T) == behind
