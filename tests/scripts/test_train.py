"""scripts/train.sh: a row of the paper from its plan to a model that streams, on the tiny corpus in small."""

import fcntl
import itertools
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from mgcm_fairseq.commands.train import main
from mgcm_fairseq.common.lock import locked
from tests.agents.feeding import waveforms_of
from tests.fixtures import ENVIRONMENT, HELD_OUT, REPOSITORY, run
from tests.models.test_simul_st import save

SMALL = ["++model.model_dim=16", "++model.ffn_dim=24", "++model.attention_heads=2", "++model.encoder_layers=1",
         "++model.decoder_layers=1", "dataset.num_workers=0", "optimization.max_update=4",
         "checkpoint.save_interval_updates=2", "dataset.max_tokens=320000", "optimization.update_freq=[1]"]
TRAININGS = ("mt", "mgcm_multi_task", "mgcm_diseg")


def command(corpus, folder, *more):
    w2v = save(folder / "w2v.pt", "cfg")
    return ["bash", "scripts/train.sh", "mgcm_diseg", "--data", corpus, "--w2v", w2v,
            "--out", folder / "out", "--cpu", "--best", "1", *more, *SMALL]


@pytest.fixture(scope="module")
def trained(tiny_corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    line = command(tiny_corpus, folder, "--text-first")
    return folder / "out", line, run(*line).stdout


def test_each_training_starts_from_the_one_before(trained):
    out, _, log = trained
    for before, name in itertools.pairwise(TRAININGS):
        assert f"{out / before}.pt" in (out / f"{name}.log").read_text()
    assert "a new one begins with random weights" in (out / "mgcm_diseg.log").read_text()
    assert all((out / f"{name}.pt").is_file() for name in TRAININGS)
    assert log.count("mean of checkpoint.best_bleu") == 3


def test_every_training_is_validated_on_every_utterance(trained):
    out, _, _ = trained
    for name in TRAININGS:
        log = (out / f"{name}.log").read_text()
        assert re.findall(r"'dev' subset .*\| scored (\d+) .*\| bleu ", log) == [str(HELD_OUT)] * 2
        assert ("| segments " in log) == (name == "mgcm_diseg")


def test_the_plan_says_what_the_training_says(trained):
    out, _, log = trained
    planned = re.search(r"^parameters +([\d,]+) +([\d,]+) +([\d,]+)", log, re.MULTILINE).groups()
    for name, parameters in zip(TRAININGS, planned, strict=True):
        assert f"num. shared model params: {parameters} " in (out / f"{name}.log").read_text()


def test_what_is_done_is_not_done_again(trained):
    _, line, _ = trained
    assert run(*line).stdout.count("nothing to do") == 3


def test_the_last_training_streams(trained, tiny_corpus):
    import torch

    from mgcm_fairseq.decoding.system import load_system
    from mgcm_fairseq.modules.streaming import ReencodingStream, speech_stream

    out, _, _ = trained
    stream = speech_stream(load_system(out / "mgcm_diseg.pt", tiny_corpus).network.encoder)
    assert isinstance(stream, ReencodingStream)
    with torch.no_grad():
        stream.extend(torch.tensor(waveforms_of(tiny_corpus)[0]), True)
    assert stream.segments >= 1


def test_a_dry_run_writes_nothing_and_shows_every_problem_at_once(tiny_corpus, tmp_path):
    line = command(tiny_corpus, tmp_path, "--dry-run")
    planned = run(*line).stdout
    assert "Dry run" in planned
    assert re.search(r"state +new +new\n", planned)
    assert not (tmp_path / "out").exists()
    (tmp_path / "w2v.pt").write_text("no checkpoint")
    broken = run(*line, "model.front_end_block=33", "dataset.no_such_option=3", check=False)
    assert broken.returncode == 2
    assert "no_such_option" in broken.stdout
    broken = run(*line, check=False)
    assert broken.returncode == 2
    assert "PROBLEM" in broken.stdout
    assert "w2v.pt: expected a complete PyTorch checkpoint" in broken.stdout


def on_a_gpu(corpus, folder, *more):
    """The dry run of a plan for a GPU that is elsewhere."""
    line = command(corpus, folder, "--dry-run", *more)
    line[line.index("--cpu")] = "--gpus=1"
    return [part for part in line if not str(part).startswith(("dataset.max_tokens=", "optimization.update_freq="))]


def figures(plan, name):
    return re.search(rf"^{name} +(.+)$", plan, re.MULTILINE)[1].split("  ")[0].strip()


@pytest.mark.parametrize(("more", "micro_batch", "utterances", "frequency", "by"), [
    (["--gpu-memory", "24"], "750 s at most", "256 at most", "1",
     "24 GiB by --gpu-memory, 20.7 of them to be filled"),
    (["--gpu-memory", "24", "dataset.batch_size=4"], "94 s at most", "4 at most", "8",
     "as the command line gives them"),
    ([], "94 s at most", "32 at most", "8", "the YAML's, for no GPU was found")])
def test_a_plan_for_a_gpu_fills_it(tiny_corpus, tmp_path, more, micro_batch, utterances, frequency, by):
    plan = run(*on_a_gpu(tiny_corpus, tmp_path, *more)).stdout
    assert figures(plan, "micro-batch") == micro_batch
    assert figures(plan, "utterances in it") == utterances
    assert figures(plan, "update_freq") == frequency
    assert re.fullmatch(r"\d+\.\d%", figures(plan, "padding"))
    assert re.findall("Micro-batches: (.+)[.]", plan) == [by]
    assert "Hours of mgcm_diseg: its arithmetic, if each GPU keeps up 13 TFLOP/s." in plan
    assert ("dataset.max_tokens=12000000 dataset.batch_size=256 'optimization.update_freq=[1]'" in plan) == (
        frequency == "1")


def test_fairseqs_programs_are_looked_for(monkeypatch):
    from mgcm_fairseq.common.errors import InputError
    from mgcm_fairseq.recipes import checks
    from mgcm_fairseq.recipes.cluster import Cluster
    from mgcm_fairseq.recipes.launch import Launch

    checks.machine(Launch("local", Cluster(1, 1, cpu=True)), [])
    monkeypatch.setitem(sys.modules, "fairseq_cli", None)
    with pytest.raises(InputError, match="no package fairseq_cli"):
        checks.machine(Launch("local", Cluster(1, 1, cpu=True)), [])


def test_a_process_that_waits_ends_with_a_plan_that_fails(tiny_corpus, tmp_path):
    line = [*command(tiny_corpus, tmp_path)]
    (tmp_path / "w2v.pt").write_text("no checkpoint")
    failed = run(*line, check=False)
    assert failed.returncode == 2
    assert "Traceback" not in failed.stdout + failed.stderr
    out = tmp_path / "out"
    assert [path.name for path in out.iterdir()] == [".training-on-node-0.lock"]
    with locked(out, "training-on-node-0"):  # which the other process held, too
        pass


def test_missing_audio_is_found_before_training(tiny_corpus, tmp_path):
    folder = tmp_path / "en-de"
    folder.mkdir()
    for name in ("config.yaml", *(path.name for path in tiny_corpus.glob("spm_*")), "dev.tsv", "train.tsv"):
        (folder / name).write_bytes((tiny_corpus / name).read_bytes())
    failed = run(*command(folder, tmp_path, "--dry-run"), check=False)
    assert failed.returncode == 2
    assert re.search(r"PROBLEM: .*en-de: expected the \d+ audio files of its manifests, found no .*wav", failed.stdout)


def test_an_average_that_is_missing_is_made_without_training(trained):
    out, line, _ = trained
    model, log = out / "mgcm_diseg.pt", (out / "mgcm_diseg.log").read_text()
    model.unlink()
    assert "mean of checkpoint.best_bleu" in run(*line).stdout
    assert model.is_file()
    assert (out / "mgcm_diseg.log").read_text() == log


def test_a_model_of_another_training_is_refused(trained):
    out, line, _ = trained
    failed = run(*line, "++model.dropout=0.3", check=False)
    assert failed.returncode == 2
    assert f"{out}/mgcm_diseg.json: expected a training with model.dropout 0.3, found one with 0.1." in failed.stdout
    (out / "mgcm_diseg.json").rename(out / "elsewhere.json")
    assert "expected a record of what was trained here, found none" in run(*line, check=False).stdout
    (out / "elsewhere.json").rename(out / "mgcm_diseg.json")


def test_goes_on_after_sigkill_but_not_beside_what_lives_on(tiny_corpus, tmp_path):
    line = [*(str(part) for part in command(tiny_corpus, tmp_path)), "optimization.max_update=8"]
    line[line.index("mgcm_diseg")] = "multi_task"
    folder = tmp_path / "out" / "multi_task"
    with subprocess.Popen(line, cwd=REPOSITORY, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          start_new_session=True) as process:
        while not (folder / "checkpoint_last.pt").exists():
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGSTOP)  # the training waits, and lives
        process.kill()  # the driver alone: bash has become it
        assert process.wait() == -signal.SIGKILL
        assert "no other training-on-node-0 at work here" in run(*line, check=False).stderr
        os.killpg(process.pid, signal.SIGKILL)
    with (folder.parent / ".training-on-node-0.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # waits until they have died
    assert re.search(r"state +from \d+ on", run(*line).stdout)
    assert "Loaded checkpoint" in (tmp_path / "out" / "multi_task.log").read_text()
    assert (tmp_path / "out" / "multi_task.pt").is_file()


@pytest.mark.parametrize(("options", "message"), [
    (["best", "--data", "x", "--w2v", "y", "--out", "z"], "invalid choice: 'best'"),
    (["diseg"], "--data, --w2v, --out"),
    (["diseg", "--data", "x", "--w2v", "y", "--out", "z", "speed"], "expected KEY=VALUE, found 'speed'"),
    (["diseg", "--data", "x", "--w2v", "y", "--out", "z", "--gpus", "3"], "divides the paper's 8"),
    (["diseg", "--data", "x", "--w2v", "y", "--out", "z", "--gpus", "1", "--cpu", "--gpu-memory", "80"],
     "expected GPUs"),
    (["diseg", "--data", "x", "--w2v", "y", "--out", "z", "--cpu", "--gpu-memory", "80"],  # --cpu alone: one process
     "--gpu-memory: expected GPUs"),
    (["diseg", "--data", "x", "--w2v", "y", "--out", "z", "--cpu", "--gpus", "2"], "1 with --cpu and --launcher local"),
    (["diseg", "--data", "x", "--w2v", "y", "--out", "z", "--nodes", "2", "--gpus", "4"], "1 with --launcher local")])
def test_what_is_wrong_is_named(options, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        status = main(options)
    except SystemExit as ended:  # of argparse
        status = ended.code
    assert status == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
