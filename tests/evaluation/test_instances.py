"""A SimulEval log is read whole and in order, or refused."""

import pytest

from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.evaluation.instances import read_instances


def test_instances_come_in_the_order_of_the_references(write_log, records, references):
    instances = read_instances(write_log(records[::-1]), references)
    assert [one.reference for one in instances] == references
    assert instances[0].prediction == "a b c e"
    assert instances[0].delays == [400.0, 800.0, 1000.0, 1000.0]
    assert instances[0].elapsed == [405.0, 805.0, 1005.0, 1005.0]
    assert instances[0].source_length == 1000.0
    assert instances[0].computing is None


def test_simuleval_strips_references(write_log, records):
    assert len(read_instances(write_log(records), ["a b c d ", " x y", "z"])) == 3


def test_log_must_exist(tmp_path, references):
    with pytest.raises(InputError, match=r"instances\.log: expected the log of a SimulEval run, found no such file"):
        read_instances(tmp_path, references)


def test_sentence_missing(write_log, records, references):
    with pytest.raises(InputError, match=r"indices 0 to 2.*1 missing \[1\], 0 too many \[\]"):
        read_instances(write_log([records[0], records[2]]), references)


def test_more_sentences_than_references(write_log, records, references):
    with pytest.raises(InputError, match=r"indices 0 to 1.*0 missing \[\], 1 too many \[2\]"):
        read_instances(write_log(records), references[:2])


def test_sentence_twice(write_log, records, references):
    with pytest.raises(InputError, match=r"instances\.log:4: expected each index once, found index 1 again"):
        read_instances(write_log([*records, records[1]]), references)


def test_delays_of_characters_are_refused(write_log, records, references):
    records[1]["delays"] = [300.0] * 5
    with pytest.raises(InputError, match=r"log:2: expected .* for each of 3 words, found 5 delays, 3 elapsed"):
        read_instances(write_log(records), references)


def test_log_of_another_target_list(write_log, records, references):
    with pytest.raises(InputError, match=r"expected the reference 'other' at index 1, found 'x y'"):
        read_instances(write_log(records), [references[0], "other", references[2]])


@pytest.mark.parametrize("damage", ['{"index": 0, "pred', "", "[]", '{"index": 0}', "null",
                                    '{"index":0,"prediction":null,"delays":[],"reference":"","source_length":1}'])
def test_damaged_line(write_log, records, references, damage):
    folder = write_log(records[:1])
    with (folder / "instances.log").open("a") as log:
        log.write(damage + "\n")
    with pytest.raises(InputError, match=r"instances\.log:2: expected a JSON object with index, prediction, delays"):
        read_instances(folder, references)
