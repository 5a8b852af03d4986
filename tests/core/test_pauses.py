"""Sentences by pauses: speech is in one sentence and no other, whatever is said."""

import random

import pytest

from mgcm_fairseq.core.pauses import BEFORE, BEHIND, SHORTEST, STEADY, SURE, Pauses

SPEECH, UNSURE, SILENCE = 0.95, 0.4, 0.1


def sentences(probabilities, pause=6, longest=1000, steady=None):
    """(first chunk, the first behind) of each sentence, by its parts, which follow each other."""
    steady = [False] * len(probabilities) if steady is None else steady
    pauses, found, open_from, behind = Pauses(pause, longest), [], None, 0
    for part in [*map(pauses.hear, probabilities, steady), pauses.end()]:
        if open_from is None and part.first < part.behind:
            open_from = part.first
            assert part.first >= behind
        elif open_from is not None:
            assert part.first == behind
        assert part.first <= part.behind
        behind = part.behind if open_from is not None else behind
        if part.over:
            found.append((open_from, part.behind))
            open_from = None
    assert open_from is None
    return found


def test_two_sentences_by_hand():
    said = [SILENCE] * 10 + [SPEECH] * 9 + [SILENCE] * 3 + [SPEECH] * 4 + [SILENCE] * 8 + [SPEECH] * 8
    assert sentences(said) == [(10 - BEFORE, 26 + BEHIND), (34 - BEFORE, 42)]


def test_a_noise_is_no_sentence():
    assert sentences([SILENCE] * 9 + [SPEECH] * (SHORTEST - 1) + [SILENCE] * 9) == []
    assert sentences([SILENCE] * 9 + [SPEECH] * (SHORTEST - 1)) == []


def test_a_pause_within_a_sentence_is_heard_when_it_is_over():
    pauses = Pauses(6, 1000)
    for _ in range(SHORTEST - 1):
        assert pauses.hear(SPEECH, False) == (0, 0, False)
    said = [SPEECH] + [SILENCE] * 5 + [SPEECH]
    heard = [pauses.hear(one, False)[:2] for one in said]
    assert heard == [(0, 8), (8, 9), (9, 10), (10, 11), (11, 11), (11, 11), (11, 14)]


def test_what_is_unsure_goes_on_as_it_is():
    assert sentences([SILENCE] * 9 + [UNSURE] * 9) == []
    assert sentences([*[SPEECH] * SHORTEST, *[UNSURE] * 20]) == [(0, SHORTEST + 20)]
    assert sentences([*[SPEECH] * (SHORTEST - 1), UNSURE, SILENCE]) == []


def test_a_sentence_that_becomes_sure_begins_where_its_speech_does():
    """That of notes never does."""
    note = [SURE - 0.01] * 100
    assert sentences([SILENCE] * 5 + note + [SILENCE] * 9) == []
    assert sentences([SILENCE] * 5 + note + [SPEECH] * SHORTEST + [SILENCE] * 9) == [(3, 105 + SHORTEST + BEHIND)]
    assert sentences([SILENCE] * 5 + [SPEECH] * (SHORTEST - 1) + [SILENCE] + [SPEECH] * (SHORTEST - 1)) == []
    assert sentences([SILENCE] * 5 + [SPEECH - 0.1] + [SPEECH] * 7) == [(3, 13)]


def test_steady_sound_is_no_sentence_until_it_changes():
    for count, found in ((STEADY, []), (STEADY - 1, [(1, 11 + BEHIND)])):
        steady = [False] * 3 + [True] * count + [False] * (SHORTEST - count) + [False] * 9
        assert sentences([SILENCE] * 3 + [SPEECH] * SHORTEST + [SILENCE] * 9, steady=steady) == found


NOTE, VOICE = [True] * 30, [False] * 9


@pytest.mark.parametrize("longest", [1000, 30])
def test_speech_behind_a_note_is_heard_without_it(longest):
    """But for the chunks that show that it is one; so it is not cut for the length of the note."""
    steady_until = 30 + SHORTEST - STEADY
    said = [*[SPEECH] * 39, SILENCE, *[SPEECH] * 9, *[SILENCE] * 9]
    found = sentences(said, longest=longest, steady=[*NOTE, *VOICE, *[False] * 19])
    assert found == [(steady_until - SHORTEST - BEFORE, 49 + BEHIND)]


def test_speech_goes_on_whatever_it_sounds_like():
    assert sentences([SPEECH] * 39, steady=[*VOICE, *NOTE]) == [(0, 39)]


@pytest.mark.parametrize(("begins", "count"), [(9, 2), (17, 2), (20, 2), (25, 3)])
def test_a_note_behind_speech_is_in_the_sentence_of_that_and_one_more(begins, count):
    """Each of which is cut."""
    steady = [False] * begins + [True] * (309 - begins)
    assert sentences([SPEECH] * 309, longest=10, steady=steady) == [(0, 20), (20, 40), (40, 60)][:count]


def test_silence_that_sounds_alike_does_not_keep_speech_away():
    """As with a hum that speech is louder than."""
    hum = [SILENCE] * 20
    assert sentences([*hum, *[SPEECH] * 20], steady=[True] * 20 + [False] * 20) == [(20 - BEFORE, 40)]


def test_a_long_sentence_ends_at_any_silence_and_a_longer_one_anywhere():
    assert sentences([*[SPEECH] * 12, SILENCE, *[SPEECH] * 3], longest=10) == [(0, 13), (13, 16)]
    assert sentences([SPEECH] * 50, longest=10) == [(0, 20), (20, 40), (40, 50)]


def test_behind_a_cut_for_its_length_speech_goes_on_sure_or_not_until_a_pause():
    weak = [SURE - 0.01] * 15
    assert sentences([*[SPEECH] * 20, *weak, *[SILENCE] * 9], longest=10) == [(0, 20), (20, 35 + 1)]
    assert sentences([*[SPEECH] * 20, *[SILENCE] * 2, *weak, *[SILENCE] * 9], longest=10) == [(0, 20), (20, 37 + 1)]
    assert sentences([*[SPEECH] * 20, *[UNSURE] * 15, *[SILENCE] * 9], longest=10) == [(0, 20), (20, 35 + 1)]
    assert sentences([*[SPEECH] * 20, *[SILENCE] * 6, *weak, *[SILENCE] * 9], longest=10) == [(0, 20)]
    assert sentences([*[SPEECH] * 20, *[SILENCE] * 6, *[SPEECH] * (SHORTEST - 1)], longest=10) == [(0, 20)]


def test_behind_a_cut_and_a_silence_a_sentence_begins_with_speech_of_its_own():
    for follows, found in ((UNSURE, []), (SPEECH, [(11, 13 + BEHIND)])):
        said = [*[SPEECH] * 10, SILENCE, UNSURE, follows, *[SILENCE] * 9]
        assert sentences(said, longest=10) == [(0, 11), *found]


def test_a_sentence_that_is_nowhere_sure_is_followed_by_none_that_is_not():
    noise = [0.7] * 100
    assert sentences([*[0.99] * 20, *noise, *[SILENCE] * 9], longest=10) == [(0, 20), (20, 40)]
    assert sentences([*[SPEECH] * 20, *noise[:5], *[SPEECH] * 8, *noise], longest=10) == [(0, 20), (20, 40), (40, 60)]


@pytest.mark.parametrize(("probability", "steady"), [(SURE - 0.3, False), (SPEECH, True)])
def test_what_is_no_speech_is_not_kept_for_ever(probability, steady):
    pauses = Pauses(6, 50)
    for _ in range(10_000):
        assert pauses.hear(probability, steady).behind == 0
        assert pauses.chunks - pauses.needed <= 50 + BEFORE


def test_what_becomes_sure_late_is_heard_from_its_beginning():
    pauses = Pauses(6, 50)
    for _ in range(100):
        pauses.hear(SURE - 0.3, False)
    heard = [pauses.hear(SPEECH, False) for _ in range(SHORTEST)]
    assert max(part.behind - part.first for part in heard) == 50 + BEFORE


def drawn(seed, lengths=(1, 4, 12)):
    """Probabilities, and whether they are steady."""
    draw = random.Random(seed)
    said = [one for _ in range(draw.randrange(100)) for one in
            [(draw.choice([SPEECH, SPEECH, UNSURE, SILENCE]), draw.random() < 0.2)] * draw.choice(lengths)]
    return [one for one, _ in said], [steady for _, steady in said], draw.randrange(1, 12), draw.randrange(1, 60)


def sure_of(said, steady):
    """The chunks of all stretches on which a sentence begins."""
    return {index for start in range(len(said) - SHORTEST + 1) for index in range(start, start + SHORTEST)
            if said[start:start + SHORTEST] == [SPEECH] * SHORTEST and sum(steady[start:start + SHORTEST]) < STEADY}


@pytest.mark.parametrize("seed", range(100))
def test_speech_is_in_one_sentence_and_no_more(seed):
    said, steady, pause, longest = drawn(seed)
    covered = [chunk for first, behind in sentences(said, pause, longest, steady) for chunk in range(first, behind)]
    assert len(covered) == len(set(covered))
    assert sure_of(said, steady) <= set(covered)


@pytest.mark.parametrize("seed", range(50))
def test_what_may_still_be_needed_is_kept(seed):
    said, steady, pause, longest = drawn(seed, (8, 12))
    pauses, heard = Pauses(pause, longest), 0
    for probability, one in zip([*said, *[SILENCE] * pause], [*steady, *[False] * pause], strict=True):
        needed = pauses.needed
        assert needed <= pauses.chunks
        part = pauses.hear(probability, one)
        assert part.first == part.behind or part.first >= needed
        heard += part.behind - part.first
    assert heard >= len(sure_of(said, steady))
