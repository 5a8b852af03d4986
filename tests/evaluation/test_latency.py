"""Latency of the hand-written log: worked out by hand, and as `simuleval --score-only` and OmniSTEval print it."""

import subprocess
import sys

import pytest
from omnisteval import Instance as OmniInstance
from omnisteval.scoring import evaluate_instances

from mgcm_fairseq.evaluation.instances import read_instances
from mgcm_fairseq.evaluation.latency import METRICS, SIMULEVAL, latency, simultaneity

# Sentence 0: 1000 ms, 4 reference words, 4 words after 400, 800, 1000, 1000 ms.
#   AL = LAAL: (400 + (800 - 250) + (1000 - 500)) / 3, as the third word is the first at the end.  AP: 3200 / 4000.
#   DAL: words at 400, 800, 1050, 1300, less 0, 250, 500, 750: (400 + 550 + 550 + 550) / 4.
#   ATD: source tokens end at 300, 400 | 700, 800 | 1000: (400-300 + 800-400 + 1000-700 + 1000-800) / 4.
#   YAAL: the words before the end, (400 + (800 - 250)) / 2.
FIRST = {"AL": 1450 / 3, "LAAL": 1450 / 3, "AP": 0.8, "DAL": 512.5, "ATD": 250.0, "YAAL": 475.0}
# Sentence 1: 600 ms, 2 reference words, 3 words after 300, 600, 600 ms.
#   AL: (300 + (600 - 300)) / 2.  LAAL: (300 + (600 - 200)) / 2.  AP: 1500 / 1200.
#   DAL: words at 300, 600, 800, less 0, 200, 400: (300 + 400 + 400) / 3.
#   ATD: source tokens end at 300 | 600, and each word is written at the end of its own token.
#   YAAL: the one word before the end, 300.
SECOND = {"AL": 300.0, "LAAL": 350.0, "AP": 1.25, "DAL": 1100 / 3, "ATD": 0.0, "YAAL": 300.0}
# With 5 ms of computing behind every word, in the first sentence:
#   AL = LAAL: (405 + (805 - 250) + (1005 - 500)) / 3.  AP: 3220 / 4000.
#   DAL: 405, 805, 1055, 1305, less 0, 250, 500, 750.  YAAL: (405 + (805 - 250)) / 2.
#   ATD: elapsed times add up, so that the 5 ms are the first word's alone: (105 + 400 + 300 + 200) / 4.
FIRST_AWARE = {"AL": 1465 / 3, "LAAL": 1465 / 3, "AP": 0.805, "DAL": 517.5, "ATD": 251.25, "YAAL": 480.0}
# With 5, 15, 30 and 40 ms of computing since the sentence began:
#   AL = LAAL: (405 + (815 - 250) + (1030 - 500)) / 3.  AP: 3290 / 4000.
#   DAL: 405, 815, 1065, 1315, less 0, 250, 500, 750: (405 + 565 + 565 + 565) / 4.  YAAL: (405 + (815 - 250)) / 2.
#   ATD: of its own each word takes 5, 10, 15 and 10 ms, and the fourth begins behind the third, at 1015:
#     (405-300 + 810-400 + 1015-700 + 1025-800) / 4.
GROWING = [405.0, 815.0, 1030.0, 1040.0]
FIRST_GROWING = {"AL": 500.0, "LAAL": 500.0, "AP": 0.8225, "DAL": 525.0, "ATD": 263.75, "YAAL": 485.0}


@pytest.mark.parametrize(("number", "expected"), [(0, FIRST), (1, SECOND)])
def test_sentence_by_hand(write_log, records, references, number, expected):
    instances = read_instances(write_log(records), references)
    assert latency(instances[number:number + 1]) == pytest.approx(expected)


def test_corpus_is_the_mean_over_sentences_with_words(write_log, records, references):
    expected = {name: (FIRST[name] + SECOND[name]) / 2 for name in METRICS}
    assert latency(read_instances(write_log(records), references)) == pytest.approx(expected)


def test_empty_hypothesis_in_front_changes_nothing(write_log, records, references):
    instances = read_instances(write_log(records), references)
    assert latency(instances[::-1]) == pytest.approx(latency(instances))


def test_all_empty_has_no_latency(write_log, records, references):
    assert latency(read_instances(write_log(records), references)[2:]) == dict.fromkeys(METRICS)


def test_computing_time_by_hand(write_log, records, references):
    for elapsed, expected in ((records[0]["elapsed"], FIRST_AWARE), (GROWING, FIRST_GROWING)):
        records[0]["elapsed"] = elapsed
        instances = read_instances(write_log(records), references)[:1]
        assert latency(instances, computation_aware=True) == pytest.approx(expected)
        assert latency(instances) == pytest.approx(FIRST)


def test_without_a_word_before_the_end_yaal_is_undefined(write_log, records, references):
    for record in records:
        record["delays"] = [record["source_length"]] * len(record["delays"])
    values = latency(read_instances(write_log(records), references))
    assert values["YAAL"] is None
    assert values["AL"] == pytest.approx((1000 + 600) / 2)


def printed_by_simuleval(folder, *options):
    wide = "import pandas; pandas.set_option('display.width', 999, 'display.max_columns', 99)"
    command = [sys.executable, "-c", f"{wide}; from simuleval.cli import main; main()", "--score-only",
               "--output", str(folder), *options,
               "--latency-metrics", *SIMULEVAL]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    header, row = (line.split() for line in printed.splitlines()[-2:])
    return dict(zip(header, map(float, row[1:]), strict=True))  # to 3 decimals


def test_same_as_simulevals_command_line(write_log, records, references):
    folder = write_log(records)
    instances = read_instances(folder, references)
    plain, aware = latency(instances), latency(instances, computation_aware=True)
    printed = printed_by_simuleval(folder)
    assert {name: printed[name] for name in SIMULEVAL} == pytest.approx(
        {name: plain[name] for name in SIMULEVAL}, abs=6e-4)
    printed = printed_by_simuleval(folder, "--computation-aware")
    assert {name: printed[f"{name}_CA"] for name in SIMULEVAL} == pytest.approx(
        {name: aware[name] for name in SIMULEVAL}, abs=6e-4)
    assert printed["AL"] == printed["AL_CA"] != pytest.approx(plain["AL"], abs=1), "SimulEval's fault is repaired"


def test_same_as_omnisteval(write_log, records, references):
    records[2].update(prediction="z", delays=[400.0], elapsed=[410.0])
    instances = read_instances(write_log(records), references)
    scores, _, _ = evaluate_instances([OmniInstance(
        prediction=one.prediction, reference=one.reference, index=one.index, source_length=one.source_length,
        emission_cu=one.delays, emission_ca=one.elapsed) for one in instances], is_longform=False)
    for computation_aware, prefix in ((False, ""), (True, "ca_")):
        ours = latency(instances, computation_aware)
        theirs = {name: scores[prefix + name.lower()] for name in ("AL", "LAAL", "AP", "DAL", "YAAL")}
        assert theirs == pytest.approx({name: ours[name] for name in theirs}, abs=1e-3)
    assert simultaneity(instances)["before_end"] == pytest.approx(scores["swf"] / 100)


def test_before_end_counts_words_not_sentences(write_log, records, references):
    assert simultaneity(read_instances(write_log(records), references))["before_end"] == pytest.approx(3 / 7)


def test_words_that_are_ready_after_the_end_are_not_before_it(write_log, records, references):
    assert simultaneity(read_instances(write_log(records), references))["before_end_CA"] == pytest.approx(3 / 7)
    records[0]["elapsed"][1] = records[0]["source_length"]
    shares = simultaneity(read_instances(write_log(records), references))
    assert (shares["before_end"], shares["before_end_CA"]) == (pytest.approx(3 / 7), pytest.approx(2 / 7))


def test_a_few_early_words_and_the_rest_at_the_end_are_degenerate(write_log, records, references):
    instances = read_instances(write_log(records), references)
    assert simultaneity(instances)["degenerate"] is False
    records[0]["delays"] = [10.0, 1000.0, 1000.0, 1000.0]
    records[1]["delays"] = [10.0, 600.0, 600.0]
    shares = simultaneity(read_instances(write_log(records), references))
    assert shares == {"before_end": pytest.approx(2 / 7), "expected_before_end": pytest.approx(1580 / 1600),
                      "degenerate": True, "before_end_CA": pytest.approx(3 / 7)}


def test_all_at_the_end_is_nothing_before_it(write_log, records, references):
    for record in records:
        record["delays"] = [record["source_length"]] * len(record["delays"])
    assert simultaneity(read_instances(write_log(records), references))["before_end"] == 0


def test_without_a_word_there_is_no_share(write_log, records, references):
    assert simultaneity(read_instances(write_log(records), references)[2:])["before_end"] is None
