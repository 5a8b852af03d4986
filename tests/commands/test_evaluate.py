"""scripts/evaluate.sh on a trained checkpoint: as SimulEval, the same for any processes, resumable, with clear errors.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from itertools import pairwise

import pytest

from mgcm_fairseq.commands.evaluate import main
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.evaluation.runs import Run, parse_runs
from tests.commands.evaluated import PLAIN, logs, plain_scores
from tests.fixtures import BIN, ENVIRONMENT, HELD_OUT, REPOSITORY, run

RUNS = ["wait-segment:1,1000", "alignatt:2", "la=local-agreement:640 --beam 2", "offline:1"]


@pytest.fixture(scope="module")
def command(tiny_corpus, tiny_segmenting_checkpoint):
    return ["bash", "scripts/evaluate.sh", "--checkpoint", str(tiny_segmenting_checkpoint), "--corpus",
            str(tiny_corpus), *(part for text in RUNS for part in ("--run", text))]


@pytest.fixture(scope="module")
def evaluated(command, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluation") / "out"
    return folder, run(*command, "--processes", "1", "--out", folder)


def lagging(times, record):
    """AL of a sentence (arXiv 1810.08398, Eq. 6 to 8), whose words came at these times, in ms."""
    each = record["source_length"] / len(record["reference"].split())
    found = []
    for index, ms in enumerate(times):
        found.append(ms - index * each)
        if ms >= record["source_length"]:
            break
    return sum(found) / len(found)


def test_results_tables_and_plots(evaluated):
    folder, done = evaluated
    results = json.loads((folder / "results.json").read_text())
    assert [(one["policy"], one["point"]) for one in results["simul"]] == [
        ("alignatt", 2), ("la", 640), ("wait-segment", 1), ("wait-segment", 1000)]
    assert list(results["offline"]) == ["greedy"]
    for one in results["simul"]:
        records = [json.loads(line) for line in
                   (folder / "runs" / f"{one['policy']}-{one['point']:g}" / "instances.log").read_text().splitlines()]
        for name, times in (("AL", "delays"), ("AL_CA", "elapsed")):
            found = [lagging(record[times], record) for record in records if record["delays"]]
            assert one[name] == pytest.approx(sum(found) / len(found), abs=0.06)
        for record in records:
            took = [after - before for before, after in zip(record["delays"], record["elapsed"], strict=True)]
            assert all(earlier <= later for earlier, later in pairwise([0, *took]))
        seconds = sum(record["source_length"] for record in records)
        assert one["RTF"] == pytest.approx(sum(record["computing"] for record in records) / seconds, abs=6e-5)
    assert (folder / "table.md").read_text() == done.stdout
    assert {"bleu_al.png", "bleu_al.svg"} < {path.name for path in folder.iterdir()}


def test_an_unbounded_lag_writes_the_offline_text(evaluated):
    folder, _ = evaluated
    texts = {name: [one["prediction"] for one in log] for name, log in logs(folder).items()}
    assert texts["wait-segment-1000"] == texts["offline-1"]


def test_simulevals_own_program_writes_the_same_log_and_scores(evaluated, tiny_corpus, tiny_segmenting_checkpoint,
                                                               tmp_path):
    lists = tiny_corpus / "simuleval"
    run(BIN / "simuleval", "--agent", REPOSITORY / "mgcm_fairseq" / "agents" / "alignatt.py", "--checkpoint",
        tiny_segmenting_checkpoint, "--frames", "2", "--source", lists / "tst-COMMON.source", "--target",
        lists / "tst-COMMON.target", "--source-segment-size", "320", "--output", tmp_path, "--latency-metrics", "AL",
        "LAAL", "AP", "DAL", "ATD")
    theirs = [json.loads(line) for line in (tmp_path / "instances.log").read_text().splitlines()]
    assert logs(evaluated[0])["alignatt-2"] == [{name: one[name] for name in PLAIN} for one in theirs]
    header, values = (line.split("\t") for line in (tmp_path / "scores.tsv").read_text().splitlines())
    [ours] = [one for one in plain_scores(evaluated[0]) if one.get("policy") == "alignatt"]
    for name, value in zip(header, map(float, values), strict=True):
        assert ours[name] == pytest.approx(value, abs=0.06), name


def test_several_processes_write_the_same(command, evaluated, tmp_path):
    run(*command, "--processes", "4", "--out", tmp_path)
    assert logs(tmp_path) == logs(evaluated[0])
    assert plain_scores(tmp_path) == plain_scores(evaluated[0])


def test_killed_it_goes_on_where_it_was(command, evaluated, tmp_path):
    process = subprocess.Popen([*command, "--processes", "1", "--out", tmp_path], cwd=REPOSITORY, env=ENVIRONMENT,
                               start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    first = tmp_path / "runs" / "wait-segment-1" / "instances.part"
    while not first.exists() or not first.read_text().endswith("\n"):
        assert process.poll() is None, "it ended before its first sentences"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = first.read_text().splitlines()
    with first.open("a") as log:
        log.write('{"index": 6, "predic')  # as a kill in the midst of a line leaves it
    again = run(*command, "--processes", "1", "--out", tmp_path)
    assert f"/{5 * HELD_OUT - len(kept)}" in again.stderr, "it translated no sentence again"
    assert (tmp_path / "runs" / "wait-segment-1" / "instances.log").read_text().splitlines()[:len(kept)] == kept
    assert logs(tmp_path) == logs(evaluated[0])


def test_a_second_run_translates_nothing(command, evaluated):
    folder, done = evaluated
    again = run(*command, "--processes", "1", "--out", folder)
    assert again.stdout == done.stdout
    assert "translating" not in again.stderr


def test_runs_that_are_not_named_again_stay_in_the_results(command, evaluated, tmp_path):
    folder = shutil.copytree(evaluated[0], tmp_path / "copy")
    fewer = [part for part in command if part not in RUNS and part != "--run"]
    again = run(*fewer, "--run", "wait-segment:1", "--out", folder)
    assert again.stdout == evaluated[1].stdout


def test_nothing_is_left_behind_by_what_cannot_run(command, tmp_path):
    assert main([*command[2:], "--run", "alignatt:4 --stepms 640", "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out" / "runs").exists()


def test_a_precision_that_a_run_refuses_leaves_nothing_behind_either(command, tmp_path, capsys):
    assert main([*command[2:], "--run", "wait-k:1 --int8", "--dtype", "fp16", "--out", str(tmp_path / "out")]) == 2
    assert "--int8: expected fp32 on a CPU" in capsys.readouterr().err
    assert not (tmp_path / "out" / "runs").exists()


def test_other_settings_in_the_same_folder_are_refused(command, evaluated, tmp_path, capsys):
    copied = shutil.copytree(evaluated[0], tmp_path / "copy")
    assert main([*command[2:], "--source-segment-size", "640", "--out", str(copied)]) == 2
    assert "settings.json: expected source_segment_size_ms 640, found 320. Choose" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "message"), [
    ("wait-segment", "expected .*POLICY:POINT"), ("wait-segment:x", "POLICY:POINT"),
    ("wait-segment:٣", "POLICY:POINT"), ("", "POLICY:POINT"),
    ("wait-q:3", "expected one of wait-segment"), ("wait-k:3 'x", "No closing quotation"),
    ("wait-k:" + "1" * 400, "POLICY:POINT"), ("x" * 101 + "=wait-k:3", "expected a NAME of letters"),
    ("x/../y=wait-k:3", "expected a NAME of letters"), ("wait-k:3,3", "expected each policy and operating point once"),
])
def test_runs_that_cannot_be_read_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        parse_runs([text])


def test_runs_as_text():
    assert parse_runs(["edatt:0.2,1", "wide=alignatt:4 --beam 5"]) == [
        Run("edatt", "edatt", 0.2), Run("edatt", "edatt", 1.0), Run("wide", "alignatt", 4.0, ("--beam", "5"))]
    assert [one.name for one in parse_runs(["edatt:0.2,1"])] == ["edatt-0.2", "edatt-1"]


@pytest.mark.parametrize(("options", "message"), [
    (["--run", "alignatt:3 --what 3"], "unrecognized arguments: --what 3"),
    (["--run", "alignatt:3 --frames 5"], "--run: expected options that are set nowhere else, found --frames"),
    (["--run", "alignatt:3 --bf16"], "--run: expected options that are set nowhere else, found --bf16"),
    (["--device", "cuda:99"], "--device: expected a GPU that torch can use, found cuda:99"),
    (["--run", "wait-k:0"], "--wait-k: expected k of at least 1"),
    (["--processes", "0"], "--processes: expected a whole number from 1 on, found 0"),
    (["--split", "dev2"], "dev2.tsv: expected a manifest"),
    (["--checkpoint", "nowhere.pt"], "nowhere.pt: expected a checkpoint, found no such file"),
    (["--checkpoint", "README.md"], "README.md: expected a complete PyTorch checkpoint, found"),
])
def test_bad_input_is_named_in_one_line(command, tmp_path, capsys, options, message):
    assert main([*command[2:], "--out", str(tmp_path / "out"), *options]) == 2
    printed = capsys.readouterr()
    assert message in printed.err.splitlines()[-1]
    assert printed.out == ""
    assert not (tmp_path / "out" / "results.json").exists()
