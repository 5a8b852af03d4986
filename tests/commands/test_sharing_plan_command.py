"""scripts/sharing_plan.py from a checkpoint of two languages: the same plan after a kill and for any processes."""

import json
import shutil
import signal
import subprocess
import sys
import time

import pytest

from mgcm_fairseq.core.sharing import SharingPlan
from mgcm_fairseq.data.sharing_plan import read_plan, write_plan
from mgcm_fairseq.training.capture import Capture
from tests.fixtures import ENVIRONMENT, REPOSITORY
from tests.several_languages import LANGUAGES


@pytest.fixture(scope="module")
def options(two_languages_twice, two_languages_checkpoint):
    return ["--checkpoint", str(two_languages_checkpoint), "--corpus", str(two_languages_twice), "--batches", "8",
            "--utterances", "1", "--paired", "train"]


def written(folder):
    return {name: (folder / name).read_bytes() for name in ("plan.yaml", "report.json", "plan.svg")}


def outputs(folder):
    return ["--out", str(folder / "plan.yaml"), "--report", str(folder / "report.json"), "--figure",
            str(folder / "plan.svg")]


def kill_once_some_batches_are_there(command, work):
    killed = subprocess.Popen([sys.executable, "scripts/sharing_plan.py", *command], cwd=REPOSITORY, env=ENVIRONMENT,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(list(work.glob("*.gradients"))) < 3:
        assert killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()


def test_a_killed_capture_of_two_processes_goes_on_to_the_same_plan(options, tmp_path, run_script, monkeypatch, capsys):
    (tmp_path / "whole").mkdir()
    run_script("sharing_plan", *options, *outputs(tmp_path / "whole"), "--processes", "1")
    said = capsys.readouterr().out
    assert said.splitlines()[0].startswith("layer")
    work = tmp_path / "killed" / "plan.yaml.capture"
    again = [*options, *outputs(tmp_path / "killed")]
    kill_once_some_batches_are_there([*again, "--processes", "2"], work)
    assert not (tmp_path / "killed" / "plan.yaml").exists()
    captures, write = [], Capture.write
    monkeypatch.setattr(Capture, "write", lambda self, batch, path: captures.append(path) or write(self, batch, path))
    run_script("sharing_plan", *again, "--processes", "1")
    assert len(captures) <= 2 * 2 * 8 - 3
    assert capsys.readouterr().out.splitlines()[-3:-1] == said.splitlines()[:-1]  # it may have had to wait before
    assert written(tmp_path / "killed") == written(tmp_path / "whole")
    assert {path.name for path in work.iterdir()} == {
        ".capture.lock", ".capture.processes", "capture.json", "gramians.pt"}
    plan = read_plan(tmp_path / "whole" / "plan.yaml")
    assert plan.source.languages == LANGUAGES
    assert plan.source.batches == 8
    told = json.loads((tmp_path / "whole" / "report.json").read_text())
    assert told["gradients"] == "exact"
    assert told["checkpoint"] == plan.source.checkpoint
    assert set(told["ffns"]) == {"encoder.layers.0.ffn"}
    assert {"encoder.embedding", "decoder.layers.0.ffn.fc1", "encoder.layers.0.ffn.fc2"} <= set(told["modules"])
    one = told["ffns"]["encoder.layers.0.ffn"]["subspace"]["pairs"]
    assert [pair["languages"] for pair in one] == [list(LANGUAGES)]


def test_what_was_captured_serves_another_variant_and_no_other_seed(options, tmp_path, run_script, refused, capsys,
                                                                    monkeypatch):
    again = [*options[:-2], "--out", str(tmp_path / "plan.yaml"), "--processes", "1", "--sketch"]
    run_script("sharing_plan", *again)
    monkeypatch.setattr(Capture, "write", lambda *others: pytest.fail("captured again"))
    run_script("sharing_plan", *again, "--sharing-variant", "published")
    [layer] = read_plan(tmp_path / "plan.yaml").layers
    assert list(layer.groups.values()) == [(LANGUAGES[0],), (LANGUAGES[1],)]
    assert "private hidden units for each of qab | qaa" in capsys.readouterr().out
    like, shared = tmp_path / "like.yaml", tmp_path / "shared.yaml"
    write_plan(shared, SharingPlan(read_plan(tmp_path / "plan.yaml").source, ()))
    assert "shared.yaml: expected a plan that splits some FFN" in refused(
        "sharing_plan", *again, "--groups", "qaa:qab", "--like", str(shared))[1]
    (tmp_path / "plan.yaml").rename(like)
    with monkeypatch.context() as killed:
        killed.setattr("mgcm_fairseq.commands.sharing_plan.report", killed_in_report)
        with pytest.raises(RuntimeError, match="killed"):
            run_script("sharing_plan", *again)
    assert not (tmp_path / "plan.yaml").exists(), "it would say that its report is there, too"
    run_script("sharing_plan", *again, "--groups", "qaa:qab", "--like", str(like))
    [known] = read_plan(tmp_path / "plan.yaml").layers
    assert (known.ffn, known.groups, len(known.private)) == (layer.ffn, layer.groups, len(layer.private))
    assert known.stats.delta != layer.stats.delta  # of the odd batches alone, without pairs of a batch and itself
    status, said = refused("sharing_plan", *again, "--seed", "2")
    assert status == 2
    assert "found one that differs in seed" in said


def killed_in_report(*_):
    raise RuntimeError("killed")


@pytest.mark.parametrize(("more", "message"), [
    (("--utterances", "2"), "expected 8 batches of 2 utterances of each language, 16 in all, found 10 in qab"),
    (("--paired", "dev"), "dev.tsv: expected at least 8 sentences that are there in every language"),
    (("--batches", "7"), "--batches: expected 8 or more, for 4 in either half, found 7"),
    (("--groups", "qab,qaa"), "--groups: expected two groups or more, with each of qab, qaa in one of them"),
    (("--groups", "qab:qaa:qaa"), "found 'qab:qaa:qaa'"), (("--like", "other.yaml"), "--like: expected --groups, of"),
    (("--groups", "qab:qaa", "--like", "other.yaml"), "other.yaml: expected a sharing plan, found no such file"),
    (("--groups", "qab:qaa", "--sharing-variant", "published"), "--sharing-variant: expected repaired"),
    (("--figure", "plan.pdf"), "--figure: expected a name that ends in .png or .svg, found plan.pdf"),
    (("--checkpoint", "nothing.pt"), "nothing.pt: expected a checkpoint, found no such file")])
def test_faults_are_named(options, more, message, tmp_path, refused):
    status, said = refused("sharing_plan", *options, "--out", tmp_path / "plan.yaml", *more)
    assert status == 2
    assert message in said
    assert not (tmp_path / "plan.yaml").exists()


@pytest.mark.parametrize(("languages", "message"), [
    ("qab", "expected a corpus of several source languages, found qab alone"),
    ("qab,qac", "for qab,qaa to de, which"), ("qaa,qab", "for qab,qaa to de, which")])
def test_other_languages_are_refused(options, two_languages_twice, languages, message, tmp_path, refused):
    shutil.copytree(two_languages_twice, tmp_path / "other")
    config = tmp_path / "other" / "config.yaml"
    config.write_text(config.read_text().replace("src_lang: qab,qaa", f"src_lang: {languages}"))
    status, said = refused("sharing_plan", *options, "--corpus", tmp_path / "other", "--out", tmp_path / "plan.yaml")
    assert status == 2
    assert message in said
