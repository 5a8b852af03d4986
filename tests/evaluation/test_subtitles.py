"""Subtitle files: their form, whole at the end, and what was said until then."""

import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.languages import language
from mgcm_fairseq.evaluation.subtitles import Subtitles

SRT = """1
00:00:01,500 --> 00:00:02,618
Er <sagte> "A & B".

2
01:00:05,007 --> 01:00:06,007
Bald Ende.

"""
VTT = """WEBVTT

00:00:01.500 --> 00:00:02.618
Er &lt;sagte&gt; "A &amp; B".

01:00:05.007 --> 01:00:06.007
Bald Ende.

"""


def fill(subtitles):
    subtitles.begin(language("de"))
    subtitles.add('Er <sagte> "A &', 1.5)
    subtitles.add('B".', 1.82)
    subtitles.add("", 2.0)
    subtitles.add("Bald", 3605.007)


@pytest.mark.parametrize(("name", "text"), [("a.srt", SRT), ("a.vtt", VTT)])
def test_what_players_read(tmp_path, name, text):
    with Subtitles(tmp_path / name) as subtitles:
        fill(subtitles)
        subtitles.add("Ende.", 3605.1)
        subtitles.finish()
    assert (tmp_path / name).read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_until_the_end_there_is_what_was_said_and_the_file_of_before(tmp_path):
    (tmp_path / "a.srt").write_text("before")
    subtitles = Subtitles(tmp_path / "a.srt")
    fill(subtitles)
    assert (tmp_path / "a.srt.tmp").read_text() == SRT[:SRT.index("2\n01")], "at once, as a kill would find it"
    subtitles.__exit__(KeyboardInterrupt)
    assert (tmp_path / "a.srt").read_text() == "before"
    assert (tmp_path / "a.srt.tmp").read_text() == SRT.replace("Bald Ende.", "Bald"), "with the cue that was open"


def test_a_run_that_fails_before_it_begins_keeps_what_an_earlier_one_said(tmp_path):
    subtitles = Subtitles(tmp_path / "a.srt")
    fill(subtitles)
    subtitles.__exit__(KeyboardInterrupt)
    said = (tmp_path / "a.srt.tmp").read_text()
    with pytest.raises(ValueError, match="no checkpoint"), Subtitles(tmp_path / "a.srt"):
        raise ValueError("no checkpoint")
    assert (tmp_path / "a.srt.tmp").read_text() == said
    with Subtitles(tmp_path / "a.srt") as subtitles:
        fill(subtitles)
        subtitles.add("Ende.", 3605.1)
        subtitles.finish()
    assert (tmp_path / "a.srt").read_text() == SRT
    assert [path.name for path in tmp_path.iterdir()] == ["a.srt"]


def test_where_nothing_was_heard_the_file_of_before_stays(tmp_path):
    """As where Ctrl-C comes before any sound; silence is heard, and has no words."""
    (tmp_path / "a.srt").write_text("before")
    for heard in (False, True):
        with Subtitles(tmp_path / "a.srt") as subtitles:
            subtitles.begin(language("de"))
            if heard:
                subtitles.add("", 0.32)
            subtitles.finish()
        assert [path.name for path in tmp_path.iterdir()] == ["a.srt"]
        assert (tmp_path / "a.srt").read_text() == ("" if heard else "before")


def test_characters_without_spaces(tmp_path):
    with Subtitles(tmp_path / "a.vtt") as subtitles:
        subtitles.begin(language("zh"))
        subtitles.add("我们昨天在纽约看见了两个人", 1.0)
        subtitles.add("他们用iPhone 17打电话。", 1.0)
        subtitles.finish()
    lines = (tmp_path / "a.vtt").read_text().splitlines()[3:-1]
    assert lines == ["我们昨天在纽约看见了两个人他", "们用iPhone 17打电话。"]


@pytest.mark.parametrize(("name", "found"), [("a.txt", r"ends with \.srt or \.vtt"), ("none/a.srt", "No such file"),
                                             ("folder.srt", "a folder of that name"), ("a", r"ends with \.srt")])
def test_a_file_that_cannot_be_written_is_refused_at_once(tmp_path, name, found):
    (tmp_path / "folder.srt").mkdir()
    with pytest.raises(InputError, match=found):
        Subtitles(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.srt"]


def test_a_disk_that_is_full_is_said_to_be(tmp_path):
    (tmp_path / "a.srt.tmp").symlink_to("/dev/full")
    subtitles = Subtitles(tmp_path / "a.srt")
    subtitles.begin(language("de"))
    with pytest.raises(InputError, match=r"a\.srt: expected room for it"):
        subtitles.add("Ende.", 1.0)
    with pytest.raises(InputError, match=r"a\.srt: expected room for it"):
        subtitles.__exit__(InputError)
    assert not (tmp_path / "a.srt").exists()
