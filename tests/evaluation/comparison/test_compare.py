"""The command line from evaluated folders to compare.json, compare.md and the curves."""

import json
import math
import shutil
from pathlib import Path

import pytest

from mgcm_fairseq.commands.compare import main
from mgcm_fairseq.evaluation.comparison.settings import differing
from mgcm_fairseq.evaluation.comparison.systems import Evaluated
from mgcm_fairseq.evaluation.table import ABSENT
from tests.evaluation.comparison.logs import said, silent
from tests.fixtures import run

FEW = ["--resamples", "50"]


@pytest.fixture
def compare(tmp_path, capsys):
    def compare(*arguments):
        assert main(["--out", str(tmp_path / "out"), *FEW, *map(str, arguments)]) == 0
        assert capsys.readouterr().out == (tmp_path / "out/compare.md").read_text(encoding="utf-8")
        return json.loads((tmp_path / "out/compare.json").read_text(encoding="utf-8"))
    return compare


def cells(text, title):
    """The table under a title, without its head."""
    section = text.partition(f"## {title}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return rows[2:]


def test_everything_is_written(compare, good, bad, tmp_path):
    found = compare(f"good={good}", f"bad={bad}")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["compare.json", "compare.md", "curves.png",
                                                                          "curves.svg"]
    assert [(one["name"], one["policy"], one["point"]) for one in found["points"]] == [
        ("good", "wait-k", 1), ("good", "wait-k", 3), ("bad", "edatt", 0.1), ("bad", "wait-k", 3)]
    assert found["points"][0]["AL"] == {"mean": pytest.approx(250), "std": None, "n": 1}
    assert {"chrF", "LAAL", "AP_CA", "before_end"} < found["points"][0].keys()
    [test] = found["bootstrap"]["same_point"]
    assert test["first"] == {"name": "good", "policy": "wait-k", "point": 3}
    assert test["second"] == {**test["first"], "name": "bad"}
    assert test["BLEU"]["high"] < 0
    assert test["BLEU"]["p"] < 0.05
    assert test["gap"] == 0
    assert test["AL"] == {"first": pytest.approx(750), "second": pytest.approx(750), "difference": 0, "low": 0,
                          "high": 0, "p": 1, "left_out": 0}
    text = (tmp_path / "out/compare.md").read_text(encoding="utf-8")
    assert "Not comparable" not in text
    assert [row[0] for row in cells(text, "Figures")] == [
        "good, offline greedy", "bad, offline greedy", "good, wait-k", "good, wait-k", "bad, edatt", "bad, wait-k"]
    assert [row[0] for row in cells(text, "Paired tests, same policy and operating point")] == [
        "good, wait-k 3 → bad, wait-k 3"]
    assert [row[:2] for row in cells(text, "Paired tests, nearest AL")] == [
        ["good, wait-k 1 → bad, edatt 0.1", "+1000"], ["good, wait-k 3 → bad, edatt 0.1", "+500"],
        ["good, wait-k 1 → bad, wait-k 3", "+500"], ["good, wait-k 3 → bad, wait-k 3", "+0"],
        ["bad, edatt 0.1 → bad, wait-k 3", "-500"]]


def test_a_system_against_itself(compare, good):
    found = compare(f"one={good}", f"other={good}")
    for test in found["bootstrap"]["same_point"]:
        assert [test[metric][key] for metric in ("BLEU", "AL") for key in ("difference", "p")] == [0, 1, 0, 1]
    assert found["interpolated"]["BLEU"][0]["BLEU"] == found["interpolated"]["BLEU"][1]["BLEU"]
    assert found["interpolated"]["at"] == pytest.approx([250, 375, 500, 625, 750])


def test_the_seed_decides_and_the_order_of_the_logs_does_not(compare, good, bad):
    arguments = (f"good={good}", f"bad={bad}")
    first, again, other = compare(*arguments), compare(*arguments), compare(*arguments, "--seed", "2")
    assert first["bootstrap"] == again["bootstrap"] != other["bootstrap"]
    log = bad / "runs/wait-k-3/instances.log"
    log.write_text("".join(reversed(log.read_text().splitlines(keepends=True))))
    assert compare(*arguments)["bootstrap"] == first["bootstrap"]


def test_interpolated_at_given_latencies_and_nowhere_else(compare, good, bad, tmp_path):
    found = compare(f"good={good}", f"bad={bad}", "--at", "100,500,750")
    assert found["interpolated"]["shared"] is None
    bleus = {(one["name"], one["policy"]): one["BLEU"] for one in found["interpolated"]["BLEU"]}
    low, high = (point["BLEU"]["mean"] for point in found["points"][:2])
    assert bleus["good", "wait-k"] == [None, pytest.approx((low + high) / 2), pytest.approx(high)]
    assert bleus["bad", "edatt"] == [None] * 3
    text = (tmp_path / "out/compare.md").read_text(encoding="utf-8")
    assert cells(text, "BLEU at equal AL")[1][1:] == [ABSENT] * 3
    assert "The curves share no range of AL." in text
    assert compare(f"good={good}", f"bad={bad}")["interpolated"]["at"] == []


def test_seeds_of_one_system(compare, write_evaluation, bad, tmp_path):
    folders = [write_evaluation(f"seed{seed}", {("wait-k", 3): said(0.1, 3, seed)}) for seed in (1, 2, 3)]
    bleus = [json.loads((folder / "results.json").read_text())["simul"][0]["BLEU"] for folder in folders]
    found = compare(f"good={','.join(map(str, folders))}", f"bad={bad}")
    mean = sum(bleus) / 3
    assert found["points"][0]["BLEU"] == {
        "mean": pytest.approx(mean), "n": 3,
        "std": pytest.approx(math.sqrt(sum((bleu - mean) ** 2 for bleu in bleus) / 2))}
    assert found["bootstrap"]["same_point"][0]["BLEU"]["first"] == pytest.approx(bleus[0], abs=0.01)
    assert "Tests use the first seed alone of good" in (tmp_path / "out/compare.md").read_text()


def test_seeds_with_two_vocabularies_are_not_one_system(write_evaluation, bad, tmp_path, capsys):
    stated = {"first": {"vocabulary": "aa11"}, "second": {"vocabulary": "bb22"}, "old": {}}
    first, second, old = (write_evaluation(name, {("wait-k", 3): said(0.1, 3, seed)}, **known)
                          for seed, (name, known) in enumerate(stated.items()))
    line = ["--out", str(tmp_path / "out"), *FEW]
    assert main([*line, f"one={first},{second}"]) == 2
    assert f"one: expected seeds of one system, with one vocabulary, found aa11 in {first} and bb22 in {second}" in (
        capsys.readouterr().err)
    assert main([*line, f"one={first},{old}", f"other={second}"]) == 0


def test_empty_hypotheses_are_left_out_of_latency_alone(compare, write_evaluation, bad):
    records = said(0.1, 3, 1)
    some = write_evaluation("some", {("wait-k", 3): [silent(records[0]), silent(records[1]), *records[2:]]})
    [test] = compare(f"some={some}", f"bad={bad}")["bootstrap"]["same_point"]
    assert test["AL"]["left_out"] == 2
    assert test["AL"]["difference"] == 0
    none = write_evaluation("none", {("wait-k", 3): [silent(record) for record in records]})
    [test] = compare(f"none={none}", f"bad={bad}")["bootstrap"]["same_point"]
    assert test["AL"] == {**dict.fromkeys(("first", "second", "difference", "low", "high", "p")), "left_out": 60}
    assert test["BLEU"]["first"] == 0
    assert test["gap"] is None


def test_another_latency(compare, good, bad, tmp_path):
    [test] = compare(f"good={good}", f"bad={bad}", "--latency", "DAL")["bootstrap"]["same_point"]
    assert "DAL" in test
    text = (tmp_path / "out/compare.md").read_text(encoding="utf-8")
    assert "## BLEU at equal DAL" in text


def test_options_of_a_point_that_differ_are_listed(compare, good, bad, tmp_path):
    for folder, options in ((good, ""), (bad, "--step-ms 640")):
        results = json.loads((folder / "results.json").read_text())
        for one in results["simul"]:
            one["options"] = options
        (folder / "results.json").write_text(json.dumps(results))
    assert compare(f"good={good}", f"bad={bad}")["differing"] == {  # of edatt there is but one
        "options of wait-k 3": {"none": ["good"], "--step-ms 640": ["bad"]}}


@pytest.mark.parametrize(("talks", "listed"), [(True, {"silero_vad": {"6.2.1": ["a"], "6.0": ["b"]}}), (False, {})])
def test_the_version_that_hears_pauses_matters_to_talks_alone(talks, listed):
    def evaluated(version):
        return Evaluated(Path("x"), {"offline": {}, "simul": [], "environment": {
            "silero_vad": version, "long_form": talks}}, {})

    assert differing({"a": [evaluated("6.2.1")], "b": [evaluated("6.0")]}) == listed


def test_a_point_without_the_latency_of_a_seed_is_on_no_curve(compare, write_evaluation, good, tmp_path):
    second = write_evaluation("second", {("wait-k", 1): said(0.1, 1, 5), ("wait-k", 3): said(0.05, 3, 6)}, model="two")
    results = json.loads((second / "results.json").read_text())
    [refused] = [one for one in results["simul"] if one["point"] == 3]
    refused["AL"] = None
    (second / "results.json").write_text(json.dumps(results))
    found = compare(f"good={good},{second}")
    [at_1, at_3] = found["points"]
    assert (at_1["AL"]["n"], at_3["AL"]["n"], at_3["BLEU"]["n"]) == (2, 1, 2)
    assert found["interpolated"]["shared"] == [at_1["AL"]["mean"]] * 2
    text = (tmp_path / "out/compare.md").read_text(encoding="utf-8")
    assert "750 (1 of 2)" in text
    assert "good, wait-k 3 is on no curve: AL is known of 1 of its 2 seeds" in text


def test_a_point_of_fewer_seeds_than_its_system_has_is_told(compare, write_evaluation, good, tmp_path):
    second = write_evaluation("second", {("wait-k", 3): said(0.05, 3, 6)}, model="two")
    compare(f"good={good},{second}")
    text = (tmp_path / "out/compare.md").read_text(encoding="utf-8")
    assert text.count(" seeds.") == text.count("good, wait-k 1 is of 1 of the 2 seeds.") == 1


def test_settings_that_differ_are_listed(compare, write_evaluation, good, tmp_path):
    runs = {("wait-k", 3): said(0.1, 3, 1)}
    other = write_evaluation("other", runs, dtype="fp16", source_segment_size_ms=640)
    found = compare(f"good={good}", f"other={other}")
    assert found["differing"] == {"source_segment_size_ms": {"320": ["good"], "640": ["other"]},
                                  "dtype": {"fp32": ["good"], "fp16": ["other"]}}
    text = (tmp_path / "out/compare.md").read_text()
    assert "**Not comparable without care**" in text
    assert "- dtype: fp32 (good); fp16 (other)" in text


def edit_log(folder, change):
    log = folder / "runs/wait-k-3/instances.log"
    log.write_text("".join(f"{json.dumps(change(json.loads(line)))}\n" for line in log.read_text().splitlines()))


def edit_results(folder, change):
    results = json.loads((folder / "results.json").read_text())
    change(results)
    (folder / "results.json").write_text(json.dumps(results))


FAULTS = {
    "no results": (lambda bad: (bad / "results.json").unlink(), "bad/results.json: expected the results of"),
    "damaged results": (lambda bad: (bad / "results.json").write_text("{"),
                        "bad/results.json: expected offline, simul"),
    "no log": (lambda bad: (bad / "runs/edatt-0.1/instances.log").unlink(),
               "bad/runs/edatt-0.1/instances.log: expected the log of a SimulEval run"),
    "no first log": (lambda bad: shutil.rmtree(bad / "runs"), "bad/runs/wait-k-3/instances.log: expected the log"),
    "damaged log": (lambda bad: (bad / "runs/wait-k-3/instances.log").write_text("{"), "expected JSON objects"),
    "other references": (lambda bad: edit_log(bad, lambda record: {**record, "reference": "other"}),
                         "bad: expected the references of"),
    "other run": (lambda bad: edit_log(bad, silent), "expected BLEU"),
    "no policy": (lambda bad: edit_results(bad, lambda found: found["simul"][0].update(policy="../k")),
                  "bad/results.json: expected simultaneous runs, each policy and operating point once"),
    "twice": (lambda bad: edit_results(bad, lambda found: found["simul"].append(found["simul"][0])),
              "bad/results.json: expected simultaneous runs, each policy and operating point once"),
    "no run": (lambda bad: edit_results(bad, lambda found: found["simul"].clear()), "expected simultaneous runs"),
    "no point": (lambda bad: edit_results(bad, lambda found: found["simul"][0].update(point=None)),
                 "expected offline, simul"),
    "deep results": (lambda bad: (bad / "results.json").write_text("[" * 100_000), "expected offline, simul"),
    "results that are no text": (lambda bad: (bad / "results.json").write_bytes(b"\xff"), "expected offline, simul"),
    "a point that is a text": (lambda bad: edit_results(bad, lambda found: found["simul"][0].update(point="3")),
                               "expected offline, simul"),
    "a point without end": (lambda bad: edit_results(bad, lambda found: found["simul"][0].update(point=float("inf"))),
                            "expected offline, simul"),
    "a figure that is none": (lambda bad: edit_results(bad, lambda found: found["simul"][0].update(chrF=float("nan"))),
                              "expected offline, simul (with policy and point) and environment, found ValueError"),
    "a figure beyond bounds": (lambda bad: edit_results(bad, lambda found: found["simul"][0].update(x=10**400)),
                               "expected x of wait-k-3 as a number"),
    "a latency that is a text": (lambda bad: edit_results(bad, lambda found: found["simul"][0].update(AL="400")),
                                 "expected AL of wait-k-3 as a number, found '400'"),
    "offline without BLEU": (lambda bad: edit_results(bad, lambda found: found["offline"]["greedy"].pop("BLEU")),
                             "expected the figures of greedy, BLEU among them"),
    "a language that is none": (lambda bad: edit_results(bad, lambda found: found["environment"].update(
        target_language=3)), "expected target_language as a text, found 3"),
    "a log that is no text": (lambda bad: (bad / "runs/wait-k-3/instances.log").write_bytes(b"\xff\n"),
                              "instances.log:1: expected text in utf-8"),
    "no latency": (lambda bad: edit_results(bad, lambda found: found["simul"][0].pop("AL")),
                   "bad/results.json: expected the AL of each run, found none at wait-k-3"),
}


@pytest.mark.parametrize(("damage", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_bad_folders_are_named_and_nothing_written(good, bad, tmp_path, capsys, damage, message):
    damage(bad)
    assert main(["--out", str(tmp_path / "out"), *FEW, f"good={good}", f"bad={bad}"]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert not (tmp_path / "out").exists()


def test_another_number_of_sentences_is_another_test_set(good, bad, tmp_path, capsys):
    for log in bad.glob("runs/*/instances.log"):
        log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))
    assert main(["--out", str(tmp_path / "out"), f"good={good}", f"bad={bad}"]) == 2
    assert f"bad: expected the 60 sentences of {good}, found 59" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "message"), [
    ([], "NAME=RESULTS: expected at least one system"), (["a"], "expected NAME=RESULTS[,RESULTS...], found 'a'"),
    (["a=x,"], "found 'a=x,'"), (["=x"], "found '=x'"), (["a=x,x"], "each of its folders once"),
    (["a=x", "a=y"], "expected each name once"),
    (["a=x", "--seed", "-1"], "--seed: expected a whole number of at least 0"),
    (["a=x", "--resamples", "0"], "--resamples: expected a whole number of at least 1"),
    (["a=x", "--seed", "9" * 5_000], "--seed: expected a whole number of at least 0"),
    (["a=x", "--at", "1,,2"], "--at: expected numbers"), (["a=nowhere"], "nowhere/results.json: expected"),
])
def test_bad_arguments_are_named(tmp_path, capsys, arguments, message):
    assert main(["--out", str(tmp_path / "out"), *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_script(good, tmp_path):
    said = run("bash", "scripts/compare.sh", f"good={good}", "--out", tmp_path / "out", *FEW)
    assert said.stdout == (tmp_path / "out/compare.md").read_text(encoding="utf-8")
    assert said.stderr == ""
    assert "no two systems have a policy and operating point in common" in said.stdout
    refused = run("bash", "scripts/compare.sh", "--out", tmp_path / "out", check=False)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
