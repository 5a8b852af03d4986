"""From logs written by hand to results.json, tables and plots."""

import json

import pytest

from mgcm_fairseq.evaluation.instances import read_instances
from mgcm_fairseq.evaluation.plot import plot
from mgcm_fairseq.evaluation.results import assemble, simul_result, write_results
from mgcm_fairseq.evaluation.runs import Run
from mgcm_fairseq.evaluation.table import table

SETTING = {"source_segment_size_ms": 320, "dtype": "fp32", "device": "cpu", "processes": 2, "differing": {},
           "target_language": "de"}
SOURCES = ["one", "two", "three"]


@pytest.fixture
def results(write_log, records, references):
    instances = read_instances(write_log(records), references)
    runs = [Run("wait-k", "wait-k", 10), Run("wait-k", "wait-k", 3), Run("edatt", "edatt", 0.5),
            Run("offline", "offline", 1), Run("offline", "offline", 5)]
    return assemble(dict.fromkeys(runs, instances), SOURCES, SETTING)


def test_results_have_the_promised_form(results):
    assert list(results) == ["offline", "simul", "environment"]
    assert list(results["offline"]) == ["greedy", "beam5"]
    assert [(run["policy"], run["point"]) for run in results["simul"]] == [
        ("edatt", 0.5), ("wait-k", 3), ("wait-k", 10)]
    run = results["simul"][0]
    expected = {"AL": 391.7, "LAAL": 416.7, "AP": 1.025, "DAL": 439.6, "ATD": 125.0, "YAAL": 387.5, "AL_CA": 396.7,
                "before_end": 0.4286, "degenerate": False, "RTF": None, "length_ratio": 1.0}
    assert {key: run[key] for key in expected} == expected
    assert run["signature"].startswith("nrefs:1")
    assert results["environment"].items() >= {"utterances": 3, **SETTING, "empty_hypotheses": {
        "edatt-0.5": 1, "wait-k-3": 1, "wait-k-10": 1}}.items()


def test_computing_time_by_length_of_audio(write_log, records, references):
    for record in records:
        record["computing"] = 21.0
    result = simul_result(Run("wait-k", "wait-k", 1), read_instances(write_log(records), references), SOURCES, "13a")
    assert result["RTF"] == 0.03  # 63 ms of 2,100


def test_table_rows(results):
    lines = table(results).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert cells[0] == ["system", "point", "BLEU", "chrF", "length", "AL (ms)", "LAAL", "AP", "DAL", "ATD", "YAAL",
                        "before end", "RTF"]
    assert [row[:2] for row in cells[2:7]] == [["offline greedy", "–"], ["offline beam5", "–"], ["edatt", "0.5"],
                                               ["wait-k", "3"], ["wait-k", "10"]]
    assert cells[2][4:] == ["1.00", *["–"] * 8]
    assert cells[5][5:] == ["392", "417", "1.02", "440", "125", "388", "42.9%", "–"]
    assert cells[7] == ["computing time counted", "point", "AL (ms)", "LAAL", "AP", "DAL", "ATD", "YAAL",
                        "before end"]
    assert cells[10][2:4] == ["397", "422"]
    assert "edatt-0.5 (1), wait-k-3 (1), wait-k-10 (1)" in lines[-1]


def test_a_degenerate_policy_and_mixed_runs_are_warned_of(write_log, records, references):
    records[0]["delays"], records[1]["delays"] = [10.0, 1000.0, 1000.0, 1000.0], [10.0, 600.0, 600.0]
    instances = read_instances(write_log(records), references)
    text = table(assemble({Run("wait-k", "wait-k", 3): instances}, SOURCES,
                          {**SETTING, "differing": {"commit": ["a", "b"]}}))
    text = " ".join(text.split())
    assert "WARNING: likely degenerate policies" in text
    assert "wait-k 3 (29% of words before the end, where 99% were to be expected)" in text
    assert "WARNING: the runs were translated with different commit: a, b." in text


def test_a_model_that_runs_on_is_warned_of(write_log, records, references):
    records[2].update(prediction="z " * 9, delays=[400.0] * 9, elapsed=[410.0] * 9)
    instances = read_instances(write_log(records), references)
    text = table(assemble({Run("wait-k", "wait-k", 3): instances}, SOURCES, SETTING))
    text = " ".join(text.split())
    assert "WARNING: hypotheses much longer than the references, as of a model that runs on: wait-k 3 (2.29)." in text


def test_run_without_a_word(write_log, records, references, tmp_path):
    empty = [{**record, "prediction": "", "delays": [], "elapsed": []} for record in records]
    results = assemble({Run("wait-k", "wait-k", 3): read_instances(write_log(empty), references)}, SOURCES, SETTING)
    [run] = results["simul"]
    assert run["BLEU"] == 0
    assert run["AL"] is run["YAAL"] is run["AL_CA"] is run["before_end"] is None
    assert "wait-k-3 (3)" in table(results)
    plot(results, tmp_path)
    write_results(tmp_path / "results.json", results)
    assert json.loads((tmp_path / "results.json").read_text()) == results


def test_plots_of_the_same_figures_are_the_same_files(results, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        plot(results, tmp_path / name)
    for name, start in (("bleu_al.png", b"\x89PNG"), ("bleu_al.svg", b"<?xml")):
        first, second = ((tmp_path / folder / name).read_bytes() for folder in ("one", "two"))
        assert first == second
        assert first.startswith(start)


def test_later_words_lower_before_end_and_raise_lagging(write_log, records, references):
    run = Run("wait-k", "wait-k", 1)
    early = simul_result(run, read_instances(write_log(records), references), SOURCES, "13a")
    for record in records:
        record["delays"] = [record["source_length"]] * len(record["delays"])
    late = simul_result(run, read_instances(write_log(records), references), SOURCES, "13a")
    assert late["before_end"] == 0 < early["before_end"]
    assert all(late[name] > early[name] for name in ("AL", "LAAL", "AP", "DAL", "ATD"))
    assert late["BLEU"] == early["BLEU"]
