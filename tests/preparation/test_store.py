"""Sorting on disk: from a corpus in any order every utterance once, talk by talk, by time, with an id of its own."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgcm_fairseq.preparation.checked import check
from mgcm_fairseq.preparation.corpora.entries import Entry, EntryError
from mgcm_fairseq.preparation.packs import WavSpan
from mgcm_fairseq.preparation.store import Store

WAV = 16_000 * 100  # samples of every file
LISTING = Path("list.tsv")


def sort(spans):
    """Utterances and faults of (file, start, length); the text is the number of the line."""
    faults = {}
    with Store() as store:
        for number, (name, start, length) in enumerate(spans):
            store.add(number, Entry((LISTING, number + 1), Path(name), start / 16_000, length / 16_000, "s",
                                    str(number), str(number)))
        for path in store.files():
            store.locate(path, WavSpan(path, 0, WAV))
        return list(check(store.entries(), faults.__setitem__)), faults


SPANS = st.lists(st.tuples(st.sampled_from(["x/a.wav", "y/a.wav", "x/b.wav", "c.wav"]), st.integers(0, 6),
                           st.integers(1, 3)), max_size=30)


@settings(max_examples=60, deadline=None)
@given(SPANS)
def test_it_sorts_as_python_would_in_memory(spans):
    stems = list(dict.fromkeys(Path(name).stem for name, _, _ in spans))
    first = {span: number for number, span in reversed(list(enumerate(spans)))}
    kept = sorted(first.values(), key=lambda number: (
        stems.index(Path(spans[number][0]).stem), spans[number][1], number))
    utterances, faults = sort(spans)
    assert [int(utterance.src_text) for utterance in utterances] == kept
    assert set(faults) == set(range(len(spans))) - set(kept)
    assert all(fault.reason == "duplicate utterance" and f"the span of line {first[spans[number]] + 1}," in str(fault)
               for number, fault in faults.items())
    assert len({utterance.id for utterance in utterances}) == len(utterances)
    ranks = {stem: [utterance.id for utterance in utterances if utterance.source.stem == stem] for stem in stems}
    assert all(ids == [f"{stem}_{rank}" for rank in range(len(ids))] for stem, ids in ranks.items())


def test_a_name_that_is_taken_is_refused_wherever_it_comes_again():
    with Store() as store:
        store.add(0, Entry((LISTING, 1), Path("a.wav"), 0.0, 1.0, "s", "", "", "name"))
        store.add(1, Entry((LISTING, 2), Path("b.wav"), 0.0, 1.0, "s", "", "", "other"))
        with pytest.raises(EntryError, match=r"list\.tsv:3: expected every id once, found name"):
            store.add(2, Entry((LISTING, 3), Path("c.wav"), 0.0, 1.0, "s", "", "", "name"))


def test_an_utterance_that_is_left_out_leaves_a_gap_in_the_ranks():
    faults = {}
    with Store() as store:
        for number, (name, start, duration) in enumerate([("a", 0, 1.0), ("a", 2, 1.0), ("a", 4, 0.0), ("a", 6, 1.0),
                                                          ("b", 0, 1.0), ("b", 1, 1.0)]):
            if number != 1:  # as of a line that could not be read
                store.add(number, Entry((LISTING, number + 1), Path(f"{name}.wav"), start, duration, "s", "", ""))
        for path in store.files():
            store.locate(path, WavSpan(path, 0, WAV))
        found = check(store.entries(), faults.__setitem__, missing=[1])
        assert [one.id for one in found] == ["a_0", "a_3", "b_0", "b_1"]
    assert list(faults) == [2], "zero length"
