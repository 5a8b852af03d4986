"""The picture of one utterance: what its lines and words say, and that it is written."""

import numpy as np
import pytest

from mgcm_fairseq.analysis.plot_segments import SegmentedUtterance, draw, plot, staircase

READS = [(0.32, 1, ""), (0.64, 1, "Der"), (0.96, 3, "Hund schläft"), (1.0, 4, "heute.")]


@pytest.fixture
def utterance():
    return SegmentedUtterance(
        "u1: The dog sleeps today.", np.sin(np.arange(16_000, dtype=np.float32)),
        [(0.0, "The"), (0.02, "dog"), (0.04, "sleeps"), (0.8, "today.")], "spread evenly", 0.08,
        [0.1, 0.9, 0.8, 0.0, 0.0, 0.6, 0.1, 0.1, 0.1, 0.9, 0.2, 0.1],
        [index in (1, 5, 9) for index in range(12)], READS, 2)


def lines(axes, label):
    return next(line for line in axes.get_lines() if line.get_label() == label)


def uprights(axes):
    """Times of the lines from bottom to top."""
    return [line.get_xdata()[0] for line in axes.get_lines() if tuple(line.get_ydata()) == (0, 1)]


def test_a_staircase_rises_at_each_time():
    assert staircase([]) == ([0.0], [0])
    assert staircase([(0.5, 2), (0.5, 3), (1.0, 3)]) == ([0, 0.5, 0.5, 0.5, 0.5, 1, 1], [0, 0, 2, 2, 3, 3, 3])


def test_words_written_and_segments_heard_are_those_of_the_reads(utterance):
    axes = draw(utterance).axes[2]
    written, heard = lines(axes, "words written"), lines(axes, "segments heard to their end")
    assert list(zip(*written.get_data(), strict=True))[::2] == [(0, 0), (0.64, 1), (0.96, 2), (0.96, 3), (1.0, 4)]
    assert list(zip(*heard.get_data(), strict=True))[::2] == [(0, 0), (0.32, 1), (0.64, 1), (0.96, 3), (1.0, 4)]
    assert [(text.get_text(), *text.xy) for text in axes.texts] == [
        ("Der", 0.64, 0.5), ("Hund", 0.96, 1.5), ("schläft", 0.96, 2.5), ("heute.", 1.0, 3.5)]
    assert uprights(axes) == [0.32, 0.64, 0.96, 1.0]
    assert "k = 2" in axes.get_title(loc="left")


def test_characters_are_written_one_by_one(utterance):
    chinese = utterance._replace(reads=[(0.32, 1, "我"), (0.64, 1, "们 A")], unit="char")
    assert chinese.written == [(0.32, "我"), (0.64, "们"), (0.64, "A")]


def test_probabilities_and_decisions_stand_at_their_frames(utterance):
    speech, boundaries, _ = draw(utterance).axes
    for axes in (speech, boundaries):
        assert uprights(axes) == pytest.approx([0.16, 0.48, 0.8])
    [stairs] = boundaries.patches[-1:]
    assert stairs.get_data().values.tolist() == utterance.probabilities
    assert stairs.get_data().edges == pytest.approx(0.08 * np.arange(13))


def test_words_of_the_transcript_stand_where_they_begin_and_do_not_overlap(utterance):
    figure = draw(utterance)
    axes = figure.axes[0]
    assert [(text.xy[0], text.get_text()) for text in axes.texts] == utterance.words
    assert "spread evenly" in axes.get_title(loc="left")
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(one.overlaps(other) for index, one in enumerate(boxes) for other in boxes[:index])


def test_nothing_said_nothing_written(utterance):
    figure = draw(utterance._replace(words=[], boundaries=[False] * 12, reads=[(1.0, 1, "")], samples=np.zeros(16_000)))
    assert figure.axes[0].get_title(loc="left") == "Speech"
    assert not any(axes.texts for axes in figure.axes)
    assert uprights(figure.axes[1]) == []


def test_the_file_is_written_whole(utterance, tmp_path):
    plot(utterance, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
