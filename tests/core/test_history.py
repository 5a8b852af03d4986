"""What a hypothesis of a talk forgets: edges of segments and last words, against loops."""

import pytest
import torch

from mgcm_fairseq.core.history import edge_before, edge_behind, last_words, sentence_end, silence_before, silence_behind

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


@pytest.mark.parametrize(("heard", "looks", "expected"), [
    ("........", [0, 3, 1], 5),  # the segment of the latest look
    ("........", [7], 8), ("........", [8], 9),  # 9: not closed yet
    ("xx.xx|..", [0, 1, 3], 6),  # the end that CTC hears lies behind the looks
    ("xx.xx|..", [0, 1, 7], 6),  # or before a look that goes too far
    ("x|xxx|..", [3, 3, 4], 6),  # of two ends the one behind half of the looks
    ("xx|x.x..", [0, 1, 1], 2),  # the end lies in a segment in which the next sentence begins
    ("x|x.....", [0], 2),  # which may be the first: one is forgotten at least
    ("xxxxxxx|", [0, 0, 1], 2)])  # an end far behind is that of another sentence
def test_where_the_speech_of_a_sentence_ends(heard, looks, expected):
    onsets_T, ends_T = (torch.tensor([char == sign for char in heard]) for sign in "x|")
    assert sentence_end(torch.tensor(EDGES), onsets_T, ends_T, looks) == expected
