"""sentences.jsonl is read as it was written, and refused where it was not."""

import json

import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.evaluation.long_form.resegmentation import resegment
from mgcm_fairseq.evaluation.long_form.sentences import FILE, read_sentences, write_sentences
from mgcm_fairseq.evaluation.long_form.talks import source_texts
from tests.evaluation.long_form.made_talks import SENTENCES, talk, written


@pytest.fixture
def folder(tmp_path):
    write_sentences(tmp_path, resegment([talk()], [written("Morgen kommt Besuch", [1500.0, 2600.0, 3000.0])], "word"),
                    source_texts([talk()]))
    return tmp_path


def test_a_line_has_the_three_texts_that_comet_asks_for(folder):
    second = json.loads((folder / FILE).read_text().splitlines()[1])
    assert (second["source"], second["prediction"], second["reference"]) == (
        "It is said so.", "Morgen kommt Besuch", "Morgen kommt Besuch vorbei.")


def test_read_as_written(folder):
    first, second, third = read_sentences(folder, SENTENCES, "word")
    assert (first.emission_cu, third.prediction) == ([], "")
    assert (second.prediction, second.emission_cu) == ("Morgen kommt Besuch", [-500, 600, 1000])
    assert (second.source_length, second.time_to_recording_end) == (2000, 4000)


@pytest.mark.parametrize("change", [
    {"index": 5}, {"reference": "?"}, {"prediction": 3}, {"emission_cu": [1]}, {"emission_ca": [1, 2, "3"]},
    {"emission_cu": [1, 2, 1e300]}, {"source_length": 0}, {"time_to_recording_end": None},
])
def test_a_line_that_nobody_wrote_is_refused(folder, change):
    lines = (folder / FILE).read_text().splitlines()
    lines[1] = json.dumps({**json.loads(lines[1]), **change})
    (folder / FILE).write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match="jsonl:2: expected sentence 1 of 3, with its reference and a time"):
        read_sentences(folder, SENTENCES, "word")


@pytest.mark.parametrize(("text", "says"), [("[]\n", "jsonl:1: expected a sentence as a JSON object"),
                                            ("nonsense\n", "jsonl:1: expected a sentence as a JSON object"),
                                            ("", "jsonl: expected 3 sentences, found 0")])
def test_another_file_is_refused(folder, text, says):
    (folder / FILE).write_text(text)
    with pytest.raises(InputError, match=says):
        read_sentences(folder, SENTENCES, "word")
    (folder / FILE).unlink()
    with pytest.raises(InputError, match="expected the sentences of a run, found no such file"):
        read_sentences(folder, SENTENCES, "word")


def test_more_lines_than_references_are_refused(folder):
    with pytest.raises(InputError, match="jsonl:3: expected sentence 2 of 2"):
        read_sentences(folder, SENTENCES[:2], "word")
