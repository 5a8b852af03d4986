"""Cues fit on the screen, can be read, follow each other, and have every word once."""

import random

import pytest

from mgcm_fairseq.core.cues import FASTER, LINES, LONGEST, PAUSE, SHORTEST, SPACED, UNSPACED, Cue, Cues


def all_cues(writes, screen=SPACED):
    cues = Cues(screen)
    made = [cue for time, units in writes for cue in cues.add(units, time)]
    return [*made, *filter(None, [cues.finish()])]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("screen", [SPACED, UNSPACED])
def test_cues_of_any_speech(seed, screen):
    chosen = random.Random(seed)
    time, writes, longest = 0.0, [], 12 if screen is SPACED else 3
    for _ in range(400):
        time += chosen.choice([0.32, 0.64, 1.28, 3.2])
        writes.append((time, ["x" * chosen.randint(1, longest) + chosen.choice(["", "", "", ".", ","])
                              for _ in range(chosen.randint(0, 3))]))
    cues = all_cues(writes, screen)
    text = screen.separator.join(screen.separator.join(cue.lines) for cue in cues)
    assert text == screen.separator.join(unit for _, units in writes for unit in units)
    for before, cue in zip([Cue(0, 0, ()), *cues], cues, strict=False):
        assert before.end <= cue.start < cue.end
        assert 1 <= len(cue.lines) <= LINES
        assert max(map(len, cue.lines)) <= screen.width
        length = len(screen.separator.join(cue.lines))
        assert cue.end - cue.start >= max(SHORTEST, length / screen.per_second / FASTER) - 1e-9
        assert cue.end - cue.start <= max(LONGEST, length / screen.per_second) + 1e-9
    assert cues[-1].end < time + 20, "they never fall far behind"


def test_a_cue_ends_with_a_sentence_and_before_a_pause():
    writes = [(1.0, ["Ja."]), (1.5, ["Und", "dann"]), (2.0, ["kam"]), (2.0 + PAUSE + 0.1, ["er."])]
    assert all_cues(writes) == [Cue(1.0, 2.0, ("Ja.",)), Cue(2.0, 3.0, ("Und dann kam",)), Cue(4.1, 5.1, ("er.",))]


def test_silence_ends_a_cue_though_no_word_follows():
    cues = Cues(SPACED)
    assert cues.add(["Er"], 1.0) == []
    assert cues.add([], 1.0 + PAUSE) == []
    assert cues.add([], 1.1 + PAUSE) == [Cue(1.0, 2.0, ("Er",))]
    assert cues.finish() is None


def test_lines_are_even_and_a_word_is_never_broken():
    [cue] = all_cues([(1.0, ["Am", "Abend", "hat", "der", "alte", "Bäcker", "das", "rote", "Boot", "gesehen."])])
    assert cue.lines == ("Am Abend hat der alte Bäcker", "das rote Boot gesehen.")
    assert [cue.lines for cue in all_cues([(1.0, ["a" * 50, "b" * 50, "c"])])] == [("a" * 50, "b" * 50), ("c",)]


def test_a_burst_of_sentences_can_be_read_one_after_the_other():
    cues = all_cues([(10.0, ["x" * 33 + "."] * 4)])
    assert [round(cue.end - cue.start, 6) for cue in cues] == [2.0, 2.0, round(2 / FASTER, 6), round(2 / FASTER, 6)]


def test_a_line_begins_and_ends_without_a_space():
    """In a language without spaces, words in other letters bring their own."""
    assert [cue.lines for cue in all_cues([(1.0, [" New", " York "])], UNSPACED)] == [("New York",)]
    [cue] = all_cues([(1.0, ["你" * 12, " New", " York "])], UNSPACED)
    assert cue.lines == ("你" * 12, "New York")
