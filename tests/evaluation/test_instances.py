"""A SimulEval log is read whole and in order, or refused."""

import pytest

from mgcm_fairseq.common.errors import InputError
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


@pytest.mark.parametrize("damage", ["[" * 100_000, "9" * 5_000])
def test_json_that_cannot_be_read(write_log, records, references, damage):
    folder = write_log(records[:1])
    with (folder / "instances.log").open("a") as log:
        log.write(damage + "\n")
    with pytest.raises(InputError, match=r"instances\.log:2: expected a JSON object"):
        read_instances(folder, references)


def test_what_is_no_text(write_log, records, references):
    folder = write_log(records)
    log = folder / "instances.log"
    log.write_bytes(log.read_bytes().replace(b"x y y", b"x \xff y"))
    with pytest.raises(InputError, match=r"instances\.log:2: expected text in utf-8"):
        read_instances(folder, references)


@pytest.mark.parametrize(("name", "value"), [
    ("index", "1"), ("index", 1.5), ("prediction", 3), ("reference", None), ("delays", {"a": 1}),
    ("delays", [1.0, float("nan"), 2.0]), ("delays", [1.0, -1.0, 2.0]), ("delays", [1.0, 1e308, 2.0]),
    ("elapsed", ["1", "2", "3"]),
    ("source_length", 0), ("source_length", float("inf")), ("source_length", "600"), ("computing", [1]),
    ("slowest_read", float("nan"))])
def test_values_that_no_run_writes(write_log, records, references, name, value):
    records[1][name] = value
    with pytest.raises(InputError, match=rf"instances\.log:2: expected {name} as a"):
        read_instances(write_log(records), references)
