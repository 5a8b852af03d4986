"""Scores of Chinese, by character: worked out by hand, and as SimulEval and OmniSTEval have them."""

import json
import math
import shutil

import pytest
from omnisteval import Instance as OmniInstance
from omnisteval.scoring import evaluate_instances

from mgcm_fairseq.commands.compare import main as compare
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.evaluation.instances import read_instances
from mgcm_fairseq.evaluation.latency import SIMULEVAL, latency, simultaneity
from mgcm_fairseq.evaluation.quality import bleu, chrf, length_ratio
from mgcm_fairseq.evaluation.results import assemble, write_results
from mgcm_fairseq.evaluation.runs import Run
from mgcm_fairseq.evaluation.table import table
from tests.evaluation.test_latency import printed_by_simuleval

REFERENCES = ["我爱New York。", "你好！"]
SETTING = {"source_segment_size_ms": 320, "dtype": "fp32", "device": "cpu", "processes": 2, "differing": {},
           "target_language": "zh"}
# Sentence 0: 1000 ms, 11 reference characters, the space among them, 9 characters after 400, 800 and 7 after 1000 ms.
#   AL = LAAL: (400 + (800 - 1000/11) + (1000 - 2000/11)) / 3.  AP: 8200 / 11,000.  YAAL: (400 + (800 - 1000/11)) / 2.
#   DAL: 1000/9 apart, characters at 400, 800, 1000, 1000 + 1000/9, ... less 0, 1000/9, ...
FIRST = {"AL": (2200 - 3000 / 11) / 3, "LAAL": (2200 - 3000 / 11) / 3, "AP": 8.2 / 11, "YAAL": (1200 - 1000 / 11) / 2,
         "DAL": (400 + 800 - 1000 / 9 + 7 * (1000 - 2000 / 9)) / 9}
# Sentence 1: 600 ms, 3 reference characters, 4 characters after 300, 600, 600, 600 ms.
#   AL: (300 + (600 - 200)) / 2.  LAAL: (300 + (600 - 150)) / 2.  AP: 2100 / 1800.  YAAL: 300.
#   DAL: characters at 300, 600, 750, 900, less 0, 150, 300, 450.
SECOND = {"AL": 350.0, "LAAL": 375.0, "AP": 21 / 18, "YAAL": 300.0, "DAL": (300 + 450 + 450 + 450) / 4}


@pytest.fixture
def records():
    said = [("我爱NewYork", [400.0, 800.0, *[1000.0] * 7], 1000.0), ("你好吗！", [300.0, *[600.0] * 3], 600.0)]
    return [{"index": index, "prediction": text, "delays": delays, "elapsed": [delay + 5 for delay in delays],
             "prediction_length": len(delays), "reference": REFERENCES[index], "source": ["a.wav"],
             "source_length": length} for index, (text, delays, length) in enumerate(said)]


@pytest.fixture
def instances(write_log, records):
    return read_instances(write_log(records), REFERENCES, "char")


@pytest.mark.parametrize(("number", "expected"), [(0, FIRST), (1, SECOND)])
def test_latency_of_a_sentence_by_hand(instances, number, expected):
    values = latency(instances[number:number + 1])
    assert {name: values[name] for name in expected} == pytest.approx(expected)


def test_latency_as_on_simulevals_command_line(write_log, records, instances):
    plain = latency(instances)
    printed = printed_by_simuleval(write_log(records), "--eval-latency-unit", "char", "--sacrebleu-tokenizer", "zh")
    assert {name: printed[name] for name in SIMULEVAL} == pytest.approx(
        {name: plain[name] for name in SIMULEVAL}, abs=6e-4)
    quality = bleu([one.prediction for one in instances], REFERENCES, "zh")
    assert printed["BLEU"] == pytest.approx(quality.value, abs=6e-4)


def test_as_omnisteval_by_character(instances):
    scores, _, _ = evaluate_instances([OmniInstance(
        prediction=one.prediction, reference=one.reference, latency_unit="char", index=one.index,
        source_length=one.source_length, emission_cu=one.delays, emission_ca=one.elapsed) for one in instances],
        is_longform=False)
    ours = latency(instances)
    theirs = {name: scores[name.lower()] for name in ("AL", "LAAL", "AP", "DAL", "YAAL")}
    assert theirs == pytest.approx({name: ours[name] for name in theirs}, abs=1e-3)
    assert simultaneity(instances)["before_end"] == pytest.approx(3 / 13)


def test_a_log_of_words_is_refused(write_log, records):
    records[0].update(prediction="我爱New York", delays=[400.0, 1000.0], elapsed=[400.0, 1000.0])
    with pytest.raises(InputError, match=r"each of 9 characters, found 2 delays, .* with --eval-latency-unit char"):
        read_instances(write_log(records), REFERENCES, "char")


def test_a_log_of_characters_is_refused_where_words_are_expected(write_log, records):
    with pytest.raises(InputError, match=r"each of 1 words, found 9 delays, .* with --eval-latency-unit word"):
        read_instances(write_log(records), REFERENCES)


def test_bleu_counts_characters():
    # Of 7 characters for 6: precisions 6/7, 4/6 (我们 学中 中文 文。), 2/5, 1/4.
    score = bleu(["我们在学中文。"], ["我们学中文。"], "zh")
    assert score.value == pytest.approx(100 * (6 / 7 * 4 / 6 * 2 / 5 * 1 / 4) ** 0.25)
    assert "tok:zh" in score.signature
    assert bleu(["是的，是的"], ["是的,是的"], "zh").value < 100, "a wide mark is no narrow one"
    assert length_ratio(["我们在学中文。"], ["我们学中文。"], "zh") == pytest.approx(7 / 6)


def test_results_and_table_say_the_unit(instances):
    results = assemble({Run("wait-k", "wait-k", 3): instances, Run("offline", "offline", 1): instances},
                       ["one", "two"], SETTING)
    assert results["environment"]["latency_unit"] == "char"
    [run] = results["simul"]
    texts = [one.prediction for one in instances], REFERENCES
    expected = {"BLEU": round(bleu(*texts, "zh").value, 2), "chrF": round(chrf(*texts).value, 2), "before_end": 0.2308,
                **{name: round((FIRST[name] + SECOND[name]) / 2, 1) for name in ("AL", "LAAL", "DAL", "YAAL")}}
    assert {name: run[name] for name in expected} == expected
    assert run["length_ratio"] == 7 / 8, "New York is one token without its space"
    assert results["offline"]["greedy"]["BLEU"] == run["BLEU"]
    notes = " ".join(table(results).split())
    assert "tok:zh" in notes
    assert "that of characters. Before end: characters written before" in notes


def test_systems_are_compared_by_character(write_log, records, instances, tmp_path, capsys):
    results = assemble({Run("wait-k", "wait-k", 3): instances}, ["one", "two"], SETTING)
    for name in ("one", "other"):
        folder = tmp_path / name
        shutil.copytree(write_log(records), folder / "runs" / "wait-k-3")
        write_results(folder / "results.json", {**results, "environment": {**results["environment"], "model": name}})
    assert compare(["--out", str(tmp_path / "out"), "--resamples", "20",
                    *(f"{name}={tmp_path / name}" for name in ("one", "other"))]) == 0
    assert "Latency is that of characters." in capsys.readouterr().out
    [test] = json.loads((tmp_path / "out" / "compare.json").read_text())["bootstrap"]["same_point"]
    assert test["BLEU"]["first"] == pytest.approx(results["simul"][0]["BLEU"], abs=0.006)
    assert test["AL"]["first"] == pytest.approx(results["simul"][0]["AL"], abs=0.06)
    assert not math.isnan(test["BLEU"]["p"])
